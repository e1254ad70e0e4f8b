//! What is served beside the API: the document, the documentation page, the explorer, and forms.

use crate::support::{Answer, Server};
use chatkitty_platform::config::Config;
use reqwest::Method;
use serde_json::Value;

const FORMS: &str = "application/prs.hal-forms+json";

async fn forms(server: &Server, path: &str) -> Answer {
    let caller = server.application().await;
    Answer::of(caller.request(Method::GET, path).header("accept", FORMS)).await
}

#[tokio::test]
async fn the_served_document_names_the_server_it_comes_from() {
    let server = Server::start().await;
    let document = server.stranger().get("/openapi.json").await.ok();
    assert_eq!(document["servers"][0]["url"], server.url);
    let flows = &document["components"]["securitySchemes"]["oauth2"]["flows"];
    assert_eq!(flows["clientCredentials"]["tokenUrl"], format!("{}/oauth/token", server.url));
    let yaml = server.stranger().get("/openapi.yaml").await;
    assert_eq!((yaml.status.as_u16(), yaml.header("content-type")), (200, "application/yaml"));
    assert!(yaml.body.as_str().expect("text").contains(&server.url));
}

#[tokio::test]
async fn the_public_address_wins_in_the_served_document() {
    let url = "https://chat.example.com";
    let server = Server::start_with(|config| config.public_url = Some(url.to_owned())).await;
    assert_eq!(server.stranger().get("/openapi.json").await.ok()["servers"][0]["url"], url);
}

#[tokio::test]
async fn a_known_document_is_not_sent_again() {
    let server = Server::start().await;
    let first = server.stranger().get("/openapi.json").await;
    let again = server.stranger().request(Method::GET, "/openapi.json").header("if-none-match", first.header("etag"));
    let again = Answer::of(again).await;
    assert_eq!((again.status.as_u16(), &again.body), (304, &Value::Null));
}

/// What is kept for one host must not be given to another, however many there are.
#[tokio::test]
async fn each_host_gets_a_document_of_its_own() {
    let server = Server::start().await;
    let get = |host: String, tag: Option<String>| {
        let request = server.stranger().request(Method::GET, "/openapi.json").header("host", host);
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag));
        Answer::of(request)
    };
    let mut tags = std::collections::BTreeSet::new();
    for number in (0..40).chain([39, 0, 30]) {
        let host = format!("host-{number}.example.com");
        let answer = get(host.clone(), None).await;
        tags.insert(answer.header("etag").to_owned());
        assert_eq!(answer.ok()["servers"][0]["url"], format!("http://{host}"));
    }
    assert_eq!(tags.len(), 40, "one tag for each host");
    let first = get("host-0.example.com".to_owned(), None).await.header("etag").to_owned();
    assert_eq!(get("host-0.example.com".to_owned(), Some(first.clone())).await.status, 304);
    assert_eq!(get("host-1.example.com".to_owned(), Some(first)).await.status, 200);
}

#[tokio::test]
async fn another_origin_may_read_the_document() {
    let server = Server::start().await;
    let request =
        server.stranger().request(Method::GET, "/openapi.json").header("origin", "https://editor.example.com");
    assert_eq!(Answer::of(request).await.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn the_pages_allow_no_inline_code_and_no_other_host() {
    let server = Server::start().await;
    for path in ["/docs/index.html", "/v1/explorer/index.html"] {
        let page = server.stranger().get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let text = page.body.as_str().expect("a page");
        for foreign in ["src=\"http", "src=\"//", "href=\"http", "href=\"//"] {
            assert!(!text.contains(foreign), "{path} loads from another host:\n{text}");
        }
    }
}

#[tokio::test]
async fn the_short_addresses_of_the_pages_lead_to_them() {
    let server = Server::start().await;
    for (path, target) in [("/docs", "/docs/index.html"), ("/v1/explorer/", "/v1/explorer/index.html")] {
        let answer = server.stranger().get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, target));
    }
}

#[tokio::test]
async fn pages_that_are_switched_off_are_not_there() {
    let off = |config: &mut Config| (config.no_docs, config.no_explorer) = (true, true);
    let server = Server::start_with(off).await;
    for path in ["/docs", "/docs/index.html", "/v1/explorer/", "/v1/explorer/index.html"] {
        assert_eq!(server.stranger().get(path).await.status, 404, "{path}");
    }
    // The document itself stays.
    server.stranger().get("/openapi.json").await.ok();
}

#[tokio::test]
async fn a_folder_takes_the_place_of_the_explorer_and_nothing_outside_of_it_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("explorer")).expect("a folder in it");
    std::fs::write(folder.path().join("explorer/index.html"), "<title>Ours</title>").expect("a page");
    std::fs::write(folder.path().join("secret.txt"), "secret").expect("a neighbour");
    let explorer = folder.path().join("explorer");
    let server = Server::start_with(|config| config.explorer_dir = Some(explorer)).await;
    assert_eq!(server.stranger().get("/v1/explorer/index.html").await.body, "<title>Ours</title>");
    // What is changed there is seen at once.
    std::fs::write(folder.path().join("explorer/index.html"), "<title>New</title>").expect("a page");
    assert_eq!(server.stranger().get("/v1/explorer/index.html").await.body, "<title>New</title>");
    std::fs::write(folder.path().join("explorer/a file.txt"), "spaced").expect("a file");
    assert_eq!(server.stranger().get("/v1/explorer/a%20file.txt").await.body, "spaced");
    for path in ["/v1/explorer/../secret.txt", "/v1/explorer/%2e%2e/secret.txt", "/v1/explorer/..%2Fsecret.txt"] {
        let answer = server.raw(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_asks_for_forms_gets_what_it_can_do() {
    let server = Server::start().await;
    let answer = forms(&server, "/v1/application").await;
    assert_eq!(answer.header("content-type"), FORMS);
    let templates = &answer.ok()["_templates"];
    let create = &templates["createUser"];
    assert_eq!((create["method"].as_str(), create["contentType"].as_str()), (Some("POST"), Some("application/json")));
    assert_eq!(create["target"], format!("{}/v1/applications/1/users", server.url));
    let name = create["properties"].as_array().expect("fields").iter().find(|field| field["name"] == "name");
    let name = name.expect("a field for the name");
    assert_eq!((&name["required"], &name["maxLength"]), (&Value::Bool(true), &Value::from(255)));
    assert_eq!(templates["deleteApplication"]["method"], "DELETE");
}

#[tokio::test]
async fn every_form_can_be_sent_as_it_is_described() {
    let server = Server::start().await;
    let caller = server.application().await;
    let templates = forms(&server, "/v1/application").await.ok()["_templates"].clone();
    let target = templates["createUser"]["target"].as_str().expect("an address").to_owned();
    let user = caller.post(&target, serde_json::json!({"name": "jdoe"})).await.ok();
    let own = user["_links"]["self"]["href"].as_str().expect("an address");
    let delete = forms(&server, own).await.ok()["_templates"]["deleteUser"].clone();
    assert_eq!(delete["target"], own);
    caller.delete(own).await.ok();
}

#[tokio::test]
async fn errors_and_other_media_types_have_no_forms() {
    let server = Server::start().await;
    let caller = server.application().await;
    assert_eq!(forms(&server, "/v1/users/999").await.header("content-type"), "application/json");
    let accept = format!("application/hal+json, {FORMS};q=0.5");
    let hal = Answer::of(caller.request(Method::GET, "/v1/application").header("accept", accept)).await;
    assert_eq!(hal.header("content-type"), "application/hal+json");
    assert!(hal.body.get("_templates").is_none());
}
