//! Tokens: how they are had, what they open, and how they end.

use crate::support::{Answer, CLIENT, Caller, Server};
use chatkitty_platform::auth::{Secret, now};
use chatkitty_platform::server::create_credentials;
use chatkitty_platform::store::credentials::{self, HashedSecret};
use chatkitty_platform::store::tokens;
use reqwest::RequestBuilder;
use reqwest::multipart::Form;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// A token request with these credentials in a Basic header.
fn basic(server: &Server, (id, secret): (&str, &str)) -> RequestBuilder {
    post(server).basic_auth(id, Some(secret))
}

fn post(server: &Server) -> RequestBuilder {
    server.http.post(format!("{}/oauth/token", server.url))
}

/// Asserts that an answer is a token of application 1 with all scopes, and that it opens the API.
async fn assert_token(server: &Server, answer: Answer) {
    let mut body = answer.ok();
    let token = body["access_token"].take();
    assert_eq!(body, json!({"access_token": null, "token_type": "bearer", "expires_in": 43_200, "scope": "org:1:app"}));
    let caller = Caller { server, token: Some(token.as_str().expect("a token is text").to_owned()) };
    caller.get("/v1").await.ok();
}

#[tokio::test]
async fn the_documented_curl_gets_a_token() {
    let server = Server::start().await;
    let form = Form::new().text(GRANT.0, GRANT.1).text("username", CLIENT.0).text("password", CLIENT.1);
    let answer = Answer::of(basic(&server, CLIENT).multipart(form)).await;
    assert_token(&server, answer).await;
}

#[tokio::test]
async fn a_multipart_form_with_only_the_grant_type_gets_a_token() {
    let server = Server::start().await;
    let answer = Answer::of(basic(&server, CLIENT).multipart(Form::new().text(GRANT.0, GRANT.1))).await;
    assert_token(&server, answer).await;
}

#[tokio::test]
async fn a_urlencoded_form_gets_a_token() {
    let server = Server::start().await;
    let answer = Answer::of(basic(&server, CLIENT).form(&[GRANT])).await;
    assert_token(&server, answer).await;
}

#[tokio::test]
async fn credentials_in_the_body_get_a_token() {
    let server = Server::start().await;
    let form = [GRANT, ("client_id", CLIENT.0), ("client_secret", CLIENT.1)];
    let answer = Answer::of(post(&server).form(&form)).await;
    assert_token(&server, answer).await;
    let form = Form::new().text(GRANT.0, GRANT.1).text("client_id", CLIENT.0).text("client_secret", CLIENT.1);
    let answer = Answer::of(post(&server).multipart(form)).await;
    assert_token(&server, answer).await;
}

#[tokio::test]
async fn username_and_password_are_ignored_beside_a_basic_header() {
    let server = Server::start().await;
    let form = [GRANT, ("username", "somebody"), ("password", "else")];
    let answer = Answer::of(basic(&server, CLIENT).form(&form)).await;
    assert_token(&server, answer).await;
}

#[tokio::test]
async fn username_and_password_alone_are_no_credentials() {
    let server = Server::start().await;
    let form = [GRANT, ("username", CLIENT.0), ("password", CLIENT.1)];
    assert_eq!(Answer::of(post(&server).form(&form)).await.status, 401);
}

#[tokio::test]
async fn two_tokens_differ_and_are_valid_side_by_side() {
    let server = Server::start().await;
    let (first, second) = (server.application().await, server.application().await);
    assert_ne!(first.token, second.token);
    first.get("/v1").await.ok();
    second.get("/v1").await.ok();
}

/// Nobody may find out which client ids exist.
#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_get_the_same_answer() {
    let server = Server::start().await;
    let wrong = Answer::of(basic(&server, (CLIENT.0, "guess")).form(&[GRANT])).await;
    let unknown = Answer::of(basic(&server, ("nobody", CLIENT.1)).form(&[GRANT])).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(wrong.body["error"], "invalid_client");
    assert!(wrong.header("www-authenticate").starts_with("Basic "), "{wrong:?}");
    assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body));
    assert_eq!(unknown.header("www-authenticate"), wrong.header("www-authenticate"));
}

/// A browser would raise a dialog of its own over the page that asked.
#[tokio::test]
async fn a_page_in_a_browser_is_told_of_a_wrong_secret_without_a_challenge() {
    let server = Server::start().await;
    for request in [basic(&server, (CLIENT.0, "guess")), post(&server), post(&server).header("authorization", "Basic")]
    {
        let answer = Answer::of(request.header("x-requested-with", "XMLHttpRequest").form(&[GRANT])).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (401, &json!("invalid_client")));
        assert!(!answer.headers.contains_key("www-authenticate"), "{answer:?}");
    }
}

#[tokio::test]
async fn missing_or_unreadable_credentials_are_refused() {
    let server = Server::start().await;
    let headers = ["Basic", "Basic ***", "Basic YWNtZQ==", "Basic /////w==", "Bearer acme:acmesecret"];
    for header in headers {
        let answer = Answer::of(post(&server).header("authorization", header).form(&[GRANT])).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (401, &json!("invalid_client")), "{header}");
    }
    let answer = Answer::of(post(&server).form(&[GRANT])).await;
    assert_eq!(answer.body["error"], "invalid_client");
}

#[tokio::test]
async fn another_grant_type_is_not_supported() {
    let server = Server::start().await;
    let answer = Answer::of(basic(&server, CLIENT).form(&[("grant_type", "password")])).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!("unsupported_grant_type")));
    let answer = Answer::of(basic(&server, CLIENT).form(&[("username", "acme")])).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn an_unknown_scope_is_refused() {
    let server = Server::start().await;
    let answer = Answer::of(basic(&server, CLIENT).form(&[GRANT, ("scope", "read:user read:mind")])).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!("invalid_scope")));
}

#[tokio::test]
async fn a_token_does_no_more_than_its_scopes() {
    let server = Server::start().await;
    let answer = Answer::of(basic(&server, CLIENT).form(&[GRANT, ("scope", "read:user read:channel")])).await.ok();
    assert_eq!(answer["scope"], "read:user read:channel");
    let reader = server.with_scopes("read:user").await;
    reader.get("/v1/users").await.ok();
    let refused = reader.post("/v1/users", json!({"name": "jdoe"})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (403, &json!("access_denied")));
    assert!(refused.header("www-authenticate").contains("scope=\"create:user\""), "{refused:?}");
    assert_eq!(server.application().await.get("/v1/users").await.ok()["page"]["totalElements"], 0);
}

#[tokio::test]
async fn the_reported_scope_can_be_asked_for_again() {
    let server = Server::start().await;
    let answer = Answer::of(basic(&server, CLIENT).form(&[GRANT, ("scope", "org:1:app")])).await;
    assert_token(&server, answer).await;
}

#[tokio::test]
async fn restricted_credentials_give_no_more_than_they_have() {
    let server = Server::start().await;
    let reader = another_client(&server).await;
    let whole = Answer::of(basic(&server, reader).form(&[GRANT])).await.ok();
    assert_eq!(whole["scope"], "read:application read:user");
    let less = Answer::of(basic(&server, reader).form(&[GRANT, ("scope", "read:user")])).await.ok();
    assert_eq!(less["scope"], "read:user");
    let more = Answer::of(basic(&server, reader).form(&[GRANT, ("scope", "read:user delete:user")])).await;
    assert_eq!((more.status.as_u16(), &more.body["error"]), (400, &json!("invalid_scope")));
}

#[tokio::test]
async fn neither_secrets_nor_tokens_are_in_the_database() {
    let server = Server::start().await;
    let caller = server.application().await;
    caller.user("a name that is to be found").await;
    let token = caller.token.expect("a token");
    let file = server.database.strip_prefix("sqlite:").expect("a file");
    let folder = std::path::Path::new(file).parent().expect("a folder");
    let files = std::fs::read_dir(folder).expect("the folder of the database");
    let files = files.map(|file| file.expect("an entry").path()).filter(|path| path.is_file());
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file).expect("a file")).collect();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("a name that is to be found"), "what is stored is looked for in the wrong files");
    assert!(!holds(&token), "a token lies in the database in the clear");
    assert!(!holds(CLIENT.1), "a secret lies in the database in the clear");
}

fn assert_unauthorized(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(answer.header("www-authenticate").starts_with("Bearer "), "{answer:?}");
    assert!(answer.body["error"].is_string() && answer.body["error_description"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let server = Server::start_with(|config| config.token_lifetime = 0).await;
    assert_unauthorized(&server.application().await.get("/v1").await);
}

#[tokio::test]
async fn a_revoked_token_is_refused() {
    let server = Server::start().await;
    let (used, unused) = (server.application().await, server.application().await);
    used.get("/v1").await.ok();
    server.store().write(|tx| tokens::delete_for_client(tx, 1, CLIENT.0)).await.expect("tokens are revoked");
    assert_unauthorized(&unused.get("/v1").await);
    // A server believes a token that it has just checked for a second.
    let revoked = Instant::now();
    loop {
        let answer = used.get("/v1").await;
        if answer.status != 200 {
            break assert_unauthorized(&answer);
        }
        assert!(revoked.elapsed() < Duration::from_secs(5), "the token outlives its revocation by 5 s");
    }
}

/// A question about a token, or an order to end it, by a client of application 1.
async fn ask(server: &Server, verb: &str, client: (&str, &str), token: &str) -> Answer {
    let request = server.http.post(format!("{}/oauth/{verb}", server.url)).basic_auth(client.0, Some(client.1));
    Answer::of(request.form(&[("token", token)])).await
}

fn text_of<'t>(caller: &'t Caller<'_>) -> &'t str {
    caller.token.as_deref().expect("a token")
}

/// A second client of application 1, which may do less.
async fn another_client(server: &Server) -> (&'static str, &'static str) {
    let chosen = ("reader".to_owned(), Secret::new("readersecret".to_owned()));
    let store = server.store();
    let create = store.write(|tx| create_credentials(tx, 1, Some(chosen), Some("read:application read:user")));
    create.await.expect("more credentials");
    ("reader", "readersecret")
}

#[tokio::test]
async fn an_expired_client_gets_no_tokens_and_has_none() {
    let server = Server::start().await;
    let reader = another_client(&server).await;
    let (ended, kept) = (server.token(reader, None).await, server.application().await);
    let store = server.store();
    let expire = |time: i64| store.write(move |tx| credentials::set_expiry(tx, 1, "reader", Some(time)));

    let end = now() + 60_000;
    assert!(expire(end).await.expect("it is set"), "there is such a client");
    let told = ask(&server, "introspect", CLIENT, text_of(&ended)).await.ok();
    assert_eq!(told["exp"], end / 1000, "a token that was there ends with its client");
    let answer = Answer::of(basic(&server, reader).form(&[GRANT])).await.ok();
    assert!((0..=60).contains(&answer["expires_in"].as_i64().expect("seconds")), "so does a new one: {answer}");
    let fresh = answer["access_token"].as_str().expect("a token");
    let told = ask(&server, "introspect", CLIENT, fresh).await.ok();
    assert_eq!(told["exp"], end / 1000);

    expire(now()).await.expect("it is set");
    let wrong = Answer::of(basic(&server, (reader.0, "guess")).form(&[GRANT])).await;
    let right = Answer::of(basic(&server, reader).form(&[GRANT])).await;
    assert_eq!((right.status.as_u16(), &right.body["error"]), (401, &json!("invalid_client")), "{right:?}");
    assert_eq!(right.body, wrong.body, "who guesses is not told that the secret was right");
    // Nobody has used it yet, so that the server does not believe it for a second more.
    assert_unauthorized(&ended.get("/v1").await);
    kept.get("/v1").await.ok();
}

#[tokio::test]
async fn a_kept_secret_ends_when_its_time_is_over() {
    let server = Server::start().await;
    let reader = another_client(&server).await;
    let store = server.store();
    let rotate = |text: &'static str, keep_until: i64| {
        let salt = chatkitty_platform::auth::random::<16>().to_vec();
        let hash = Secret::new(text.to_owned()).hash(&salt).to_vec();
        store.write(move |tx| {
            credentials::replace_secret(tx, 1, "reader", &HashedSecret { salt, hash }, Some(keep_until))
        })
    };
    rotate("second", now() + 60_000).await.expect("a second secret");
    for secret in [reader.1, "second"] {
        let answer = Answer::of(basic(&server, (reader.0, secret)).form(&[GRANT])).await.ok();
        let kept = answer["expires_in"].as_i64().expect("seconds") <= 60;
        assert_eq!(kept, secret == reader.1, "a token ends with the secret that it was got with: {answer}");
    }
    rotate("third", now()).await.expect("a third secret");
    for (secret, status) in [(reader.1, 401), ("second", 401), ("third", 200)] {
        let answer = Answer::of(basic(&server, (reader.0, secret)).form(&[GRANT])).await;
        assert_eq!(answer.status, status, "{secret}: {answer:?}");
    }
}

#[tokio::test]
async fn a_client_ends_its_token_at_once_and_keeps_the_others() {
    let server = Server::start().await;
    let (ended, kept) = (server.application().await, server.application().await);
    // It has been checked just now, so that the server would believe it for a while.
    ended.get("/v1").await.ok();
    let answer = ask(&server, "revoke", CLIENT, text_of(&ended)).await;
    assert_eq!((answer.status.as_u16(), &answer.body), (200, &Value::Null), "{answer:?}");
    assert_unauthorized(&ended.get("/v1").await);
    kept.get("/v1").await.ok();
    // Once more is no error, and neither is what never was a token: RFC 7009 section 2.2.
    for token in [text_of(&ended), "never-issued"] {
        assert_eq!(ask(&server, "revoke", CLIENT, token).await.status, 200);
    }
}

#[tokio::test]
async fn a_token_that_is_in_use_ends_when_it_is_revoked() {
    let server = Server::start().await;
    for _ in 0..20 {
        let caller = server.application().await;
        let uses = futures::future::join_all((0..8).map(|_| caller.get("/v1")));
        let (_, answer) = tokio::join!(uses, ask(&server, "revoke", CLIENT, text_of(&caller)));
        assert_eq!(answer.status, 200, "{answer:?}");
        // A check that was under way may not bring it back.
        assert_unauthorized(&caller.get("/v1").await);
    }
}

#[tokio::test]
async fn a_client_cannot_end_the_token_of_another() {
    let server = Server::start().await;
    let reader = another_client(&server).await;
    let (own, foreign) = (server.application().await, server.another_application().await);
    for (client, caller) in [(reader, &own), (CLIENT, &foreign)] {
        let answer = ask(&server, "revoke", client, text_of(caller)).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &Value::Null), "as for a token that never was");
        caller.get("/v1").await.ok();
    }
}

#[tokio::test]
async fn a_client_sees_the_tokens_of_its_application() {
    let server = Server::start().await;
    let reader = another_client(&server).await;
    let (whole, less) = (server.application().await, server.token(reader, Some("read:user")).await);
    for (token, id, scope) in [(text_of(&whole), CLIENT.0, "org:1:app"), (text_of(&less), reader.0, "read:user")] {
        for client in [CLIENT, reader] {
            let told = ask(&server, "introspect", client, token).await.ok();
            let issued = told["iat"].as_i64().expect("a time");
            let expected = json!({
                "active": true,
                "client_id": id,
                "scope": scope,
                "token_type": "bearer",
                "iat": issued,
                "exp": issued + 43_200,
            });
            assert_eq!(told, expected);
            let now = chatkitty_platform::auth::now() / 1000;
            assert!((now - 60..=now).contains(&issued), "issued at {issued}, and it is {now}");
        }
    }
}

#[tokio::test]
async fn nothing_is_told_of_a_token_that_opens_nothing_or_is_anothers() {
    let server = Server::start().await;
    let (revoked, foreign) = (server.application().await, server.another_application().await);
    ask(&server, "revoke", CLIENT, text_of(&revoked)).await.ok();
    let expiring = Server::start_with(|config| config.token_lifetime = 0).await;
    let expired = expiring.application().await;
    for (server, token) in [
        (&server, text_of(&revoked)),
        (&server, text_of(&foreign)),
        (&server, "never-issued"),
        (&expiring, text_of(&expired)),
    ] {
        let told = ask(server, "introspect", CLIENT, token).await;
        assert_eq!((told.status.as_u16(), &told.body), (200, &json!({"active": false})));
    }
}

#[tokio::test]
async fn who_asks_about_tokens_names_itself() {
    let server = Server::start().await;
    let caller = server.application().await;
    let token = text_of(&caller);
    for verb in ["revoke", "introspect"] {
        for client in [(CLIENT.0, "guess"), ("nobody", CLIENT.1)] {
            let answer = ask(&server, verb, client, token).await;
            assert_eq!((answer.status.as_u16(), &answer.body["error"]), (401, &json!("invalid_client")), "{verb}");
            assert!(answer.header("www-authenticate").starts_with("Basic "), "{answer:?}");
        }
        let url = format!("{}/oauth/{verb}", server.url);
        // A bearer token is no client: whoever holds one could look into all others.
        for request in [server.http.post(&url), server.http.post(&url).bearer_auth(token)] {
            let answer = Answer::of(request.form(&[("token", token)])).await;
            assert_eq!((answer.status.as_u16(), &answer.body["error"]), (401, &json!("invalid_client")), "{verb}");
        }
        let basic = || server.http.post(&url).basic_auth(CLIENT.0, Some(CLIENT.1));
        for request in [basic().form(&[("client_id", "acme")]), basic().form(&[("token", token), ("token", token)])] {
            let answer = Answer::of(request).await;
            assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!("invalid_request")), "{verb}");
        }
        let answer = Answer::of(basic().query(&[("token", token)])).await;
        assert_eq!(answer.status, 400, "{verb}: a token in the query is none: {answer:?}");
    }
    caller.get("/v1").await.ok();
    let form = Form::new().text("token", token.to_owned()).text("token_type_hint", "refresh_token");
    let form = form.text("client_id", CLIENT.0).text("client_secret", CLIENT.1);
    let answer = Answer::of(server.http.post(format!("{}/oauth/introspect", server.url)).multipart(form)).await.ok();
    assert_eq!(answer["active"], true, "the credentials may stand in a form too");
}

#[tokio::test]
async fn guesses_count_wherever_they_are_made() {
    let server = Server::start().await;
    let mut statuses = Vec::new();
    for number in 0..60 {
        let verb = if number % 2 == 0 { "introspect" } else { "revoke" };
        statuses.push(ask(&server, verb, (CLIENT.0, "guess"), "never-issued").await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[59]), (401, 429), "{statuses:?}");
    assert_eq!(Answer::of(basic(&server, CLIENT).form(&[GRANT])).await.status, 429);
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let (server, elsewhere) = (Server::start().await, Server::start().await);
    let token = server.application().await.token.expect("a token");
    let foreign = elsewhere.application().await.token.expect("a token");
    let last = if token.ends_with('A') { "B" } else { "A" };
    let headers = [
        format!("Bearer {}{last}", &token[..token.len() - 1]),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}{token}"),
        format!("Bearer {foreign}"),
        format!("Token {token}"),
        format!("Bearer{token}"),
        token.clone(),
        "Bearer".to_owned(),
        "Bearer \u{e9}".to_owned(),
    ];
    for header in headers {
        let url = format!("{}/v1", server.url);
        let answer = Answer::of(server.http.get(url).header("authorization", &header)).await;
        assert_eq!(answer.status, 401, "{header}: {answer:?}");
        assert_unauthorized(&answer);
    }
    assert_unauthorized(&server.stranger().get("/v1").await);
}

#[tokio::test]
async fn the_scheme_of_a_token_is_case_insensitive() {
    let server = Server::start().await;
    let token = server.application().await.token.expect("a token");
    let request = server.http.get(format!("{}/v1", server.url)).header("authorization", format!("bearer {token}"));
    Answer::of(request).await.ok();
}

#[tokio::test]
async fn an_empty_scope_asks_for_all() {
    let server = Server::start().await;
    let request = basic(&server, CLIENT).form(&[GRANT, ("scope", "")]);
    assert_eq!(Answer::of(request).await.ok()["scope"], "org:1:app");
}

#[tokio::test]
async fn many_wrong_guesses_have_to_wait() {
    let server = Server::start().await;
    let mut refused = Value::Null;
    for _ in 0..200 {
        let answer = Answer::of(basic(&server, (CLIENT.0, "guess")).form(&[GRANT])).await;
        if answer.status == 429 {
            let wait = answer.header("retry-after");
            assert!(wait.parse::<u32>().expect("seconds") >= 1, "{answer:?}");
            assert_eq!(answer.header("ratelimit-policy"), "\"wrong-secrets\";q=50;w=60");
            assert_eq!(answer.header("ratelimit"), format!("\"wrong-secrets\";r=0;t={wait}"));
            refused = answer.body;
            break;
        }
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(refused["error"], "TooManyRequestsError", "200 wrong guesses in a row were let through");
    // Else a guesser would only have to go on until the right one is let through.
    let right = Answer::of(basic(&server, CLIENT).form(&[GRANT])).await;
    assert_eq!(right.status, 429, "{right:?}");
}

#[tokio::test]
async fn an_application_beyond_its_rate_has_to_wait() {
    let server = Server::start_with(|config| config.rate_limit = NonZeroU32::new(3)).await;
    let (busy, other) = (server.application().await, server.another_application().await);
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(busy.get("/v1").await);
    }
    answers.iter().take(3).for_each(|answer| assert_eq!(answer.status, 200, "{answer:?}"));
    let refused = answers.iter().find(|answer| answer.status == 429).expect("30 requests at 3 a second");
    assert!(refused.header("retry-after").parse::<u32>().expect("seconds") >= 1, "{refused:?}");
    assert_eq!(refused.body["error"], "TooManyRequestsError");
    other.get("/v1").await.ok();
}
