//! Files: stored as they were sent, served so that no browser runs them, and gone with what they belong to.

use crate::support::{Answer, Caller, Server};
use chatkitty_platform::store::{files, leftovers};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, header};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of a picture";

fn part(bytes: impl Into<Vec<u8>>, name: &str) -> Part {
    Part::bytes(bytes.into()).file_name(name.to_owned())
}

async fn upload(api: &Caller<'_>, user: &Value, form: Form) -> Answer {
    let address = format!("/v1/users/{}/display-picture", user["id"]);
    Answer::of(api.request(Method::POST, &address).multipart(form)).await
}

/// Gives the user a picture and tells its address.
async fn picture(api: &Caller<'_>, user: &Value, part: Part) -> String {
    let user = upload(api, user, Form::new().part("file", part)).await.ok();
    user["displayPictureUrl"].as_str().expect("an address").to_owned()
}

/// The bytes at an address, and its headers, as a browser without a token gets them.
async fn fetched(server: &Server, url: &str) -> (Vec<u8>, header::HeaderMap) {
    let response = server.http.get(url).send().await.expect("an answer");
    assert_eq!(response.status(), 200, "{url}");
    let headers = response.headers().clone();
    (response.bytes().await.expect("a whole file").to_vec(), headers)
}

/// The names of all that lies in the folder of the files.
fn stored(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.files()).expect("the folder of the files");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect()
}

/// The keys of the files that the database knows, and of the objects that it wants removed.
async fn noted(server: &Server) -> (Vec<String>, Vec<String>) {
    let store = server.store();
    let read = store.read(|tx| {
        let owned = tx.query("SELECT key FROM files", &[], |row| row.text(0))?;
        Ok((owned, files::due(tx, i64::MAX, 100)?))
    });
    read.await.expect("the database can be read")
}

/// Asserts that nothing is stored but the files at these addresses, once what is removed beside the requests is gone.
async fn only(server: &mut Server, urls: &[&str]) {
    let gone = async {
        while noted(server).await.1 != [""; 0] || server.store().read(leftovers::exist).await != Ok(false) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("what nothing refers to is removed");
    server.stop().await;
    let mut keys: Vec<&str> = urls.iter().map(|url| url.rsplit('/').nth(1).expect("a key")).collect();
    let (mut stored, (mut owned, _)) = (stored(server), noted(server).await);
    keys.sort_unstable();
    stored.sort_unstable();
    owned.sort_unstable();
    assert_eq!((stored, owned.iter().map(String::as_str).collect::<Vec<_>>()), (owned.clone(), keys));
}

#[tokio::test]
async fn a_picture_is_served_as_it_was_sent() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let answer = upload(&api, &user, Form::new().part("file", part(PNG, "jane.png"))).await.ok();
    let url = answer["displayPictureUrl"].as_str().expect("an address");
    let (key, name) = url.strip_prefix(&format!("{}/v1/files/", server.url)).unwrap().split_once('/').unwrap();
    assert_eq!((key.len(), name), (32, "jane.png"));
    // All else is as it was, and every place has the new address.
    let mut expected = user.clone();
    expected["displayPictureUrl"] = json!(url);
    assert_eq!(answer, expected);
    assert_eq!(api.get(&format!("/v1/users/{}", user["id"])).await.ok(), expected);
    assert_eq!(api.get("/v1/users").await.ok()["_embedded"]["users"], json!([expected]));

    let (bytes, headers) = fetched(&server, url).await;
    assert_eq!(bytes, PNG);
    let expected = [
        ("content-type", "image/png"),
        ("content-length", "34"),
        ("content-disposition", "inline; filename=\"jane.png\"; filename*=UTF-8''jane.png"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("cross-origin-resource-policy", "cross-origin"),
    ];
    for (name, value) in expected {
        assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
    }
    assert!(!headers.contains_key("pragma") && !headers.contains_key("expires"), "{headers:?}");
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let server = Server::start().await;
    let api = server.application().await;
    let url = picture(&api, &api.user("jdoe").await, part(PNG, "jane.png")).await;
    let (_, headers) = fetched(&server, &url).await;
    let tag = headers["etag"].to_str().unwrap();
    for (known, status) in [
        (tag.to_owned(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let request = server.stranger().request(Method::GET, &url).header(header::IF_NONE_MATCH, &known);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{known}");
        assert_eq!(answer.body.is_null(), status == 304, "{known}");
        assert_eq!(answer.header("etag"), tag);
    }
}

#[tokio::test]
async fn a_file_has_one_address() {
    let server = Server::start().await;
    let api = server.application().await;
    let url = picture(&api, &api.user("jdoe").await, part(PNG, "jane.png")).await;
    let (folder, _) = url.rsplit_once('/').unwrap();
    let unknown = format!("{}/v1/files/{}/jane.png", server.url, "A".repeat(32));
    for url in [format!("{folder}/other.png"), format!("{folder}/JANE.PNG"), unknown] {
        assert_eq!(server.stranger().get(&url).await.status, 404, "{url}");
    }
    for path in ["/v1/files/..%2ftest.db/x", "/v1/files/x%00/x", "/v1/files/short/jane.png"] {
        assert_eq!(server.stranger().get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn names_are_made_harmless() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    for (given, name, plain) in [
        ("../../etc/passwd.png", "passwd.png", "passwd.png"),
        ("C:\\Users\\jane\\me.png", "me.png", "me.png"),
        ("..", "file", "file"),
        (" ", "file", "file"),
        ("a;b='c' & <d>.png", "a;b='c' & <d>.png", "a_b__c_ _ _d_.png"),
        ("Zoë 王.png", "Zoë 王.png", "Zo_ _.png"),
        ("gnp.\u{202e}exe", "gnp.exe", "gnp.exe"),
        ("100%.png", "100%.png", "100_.png"),
    ] {
        let url = picture(&api, &user, part(PNG, given)).await;
        let (_, headers) = fetched(&server, &url).await;
        let encoded = url.rsplit('/').next().unwrap();
        let found = percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap();
        assert_eq!(found, name, "{given:?}");
        let expected = format!("inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
        assert_eq!(headers["content-disposition"], expected, "{given:?}");
    }
    let url = picture(&api, &user, part(PNG, &"x".repeat(300))).await;
    assert_eq!(url.rsplit('/').next().unwrap(), "x".repeat(255));
    // A part need not have a name at all.
    let url = picture(&api, &user, Part::bytes(PNG)).await;
    assert!(url.ends_with("/file"), "{url}");
}

#[tokio::test]
async fn a_picture_is_told_by_its_bytes() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let mut last = String::new();
    for (bytes, kind) in [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 and the rest".as_slice(), "image/jpeg"),
        (b"GIF87a and the rest", "image/gif"),
        (b"GIF89a<script>alert(1)</script>", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    ] {
        // What the part says is no help.
        let lying = part(bytes, "page.html").mime_str("text/html").unwrap();
        last = picture(&api, &user, lying).await;
        let (found, headers) = fetched(&server, &last).await;
        assert_eq!((found.as_slice(), headers["content-type"].to_str().unwrap()), (bytes, kind));
    }
    for bytes in [
        b"".as_slice(),
        b"GIF",
        b"<html><script>alert(1)</script>",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"BM\x10\0\0\0",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"\0PNG\r\n\x1a\n",
    ] {
        let lying = part(bytes, "jane.png").mime_str("image/png").unwrap();
        upload(&api, &user, Form::new().part("file", lying)).await.faults(&[("file", "invalid")]);
    }
    drop(api);
    only(&mut server, &[&last]).await;
}

#[tokio::test]
async fn a_picture_may_have_5_mib() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let sized = |length: usize| {
        let mut bytes = PNG.to_vec();
        bytes.resize(length, b'x');
        bytes
    };
    let url = picture(&api, &user, part(sized(5 << 20), "large.png")).await;
    let (bytes, _) = fetched(&server, &url).await;
    assert!(bytes == sized(5 << 20), "{} bytes came back", bytes.len());
    let larger = Form::new().part("file", part(sized((5 << 20) + 1), "larger.png"));
    assert_eq!(upload(&api, &user, larger).await.status, 413);
    drop(api);
    only(&mut server, &[&url]).await;
}

#[tokio::test]
async fn files_above_the_configured_limit_are_refused() {
    let mut server = Server::start_with(|config| config.file_limit = 100).await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let sized = |length: usize| [PNG, &vec![b'x'; length - PNG.len()]].concat();
    let url = picture(&api, &user, part(sized(100), "jane.png")).await;
    let answer = upload(&api, &user, Form::new().part("file", part(sized(101), "jane.png"))).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (413, &json!("PayloadTooLargeError")));
    drop(api);
    only(&mut server, &[&url]).await;
}

#[tokio::test]
async fn a_body_without_one_file_is_refused() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let twice = || Form::new().part("file", part(PNG, "a.png")).part("file", part(PNG, "b.png"));
    upload(&api, &user, twice()).await.faults(&[("file", "invalid")]);
    let elsewhere = Form::new().part("picture", part(PNG, "a.png"));
    upload(&api, &user, elsewhere).await.faults(&[("file", "missing_field")]);
    assert_eq!(upload(&api, &json!({"id": 999}), Form::new().part("file", part(PNG, "a.png"))).await.status, 404);
    assert_eq!(api.get(&format!("/v1/users/{}", user["id"])).await.ok(), user);
    drop(api);
    only(&mut server, &[]).await;
}

#[tokio::test]
async fn half_an_upload_leaves_nothing() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let (id, token) = (&user["id"], api.token.clone().unwrap());
    for (length, sent) in [(1 << 20, 1 << 10), (5_300_000, 5_250_000)] {
        let mut request = format!(
            "POST /v1/users/{id}/display-picture HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(PNG);
        request.resize(request.len() + sent, b'x');
        let _ = server.raw(request).await;
    }
    drop(api);
    only(&mut server, &[]).await;
}

#[tokio::test]
async fn what_a_killed_server_left_is_removed_at_the_next_start() {
    let mut server = Server::start().await;
    server.stop().await;
    let key = "K".repeat(32);
    for name in [key.clone(), format!("{key}#1")] {
        fs::write(server.files().join(name), PNG).unwrap();
    }
    server.store().write(move |tx| files::announce(tx, &key, 0)).await.unwrap();
    let mut again = Server::start_with(|config| {
        config.database = server.database.clone();
    })
    .await;
    again.stop().await;
    only(&mut server, &[]).await;
}

#[tokio::test]
async fn another_picture_takes_the_place_of_the_one_before() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let first = picture(&api, &jane, part(PNG, "first.png")).await;
    let second = picture(&api, &jane, part(PNG, "second.png")).await;
    assert_eq!(server.stranger().get(&first).await.status, 404);
    fetched(&server, &second).await;
    let address = format!("/v1/users/{}/display-picture", jane["id"]);
    let file = json!({"url": "https://files.example.com/j.png", "name": "j", "contentType": "image/png", "size": 1});
    let changed = api.post(&address, file.clone()).await.ok();
    assert_eq!(changed["displayPictureUrl"], file["url"]);
    assert_eq!(server.stranger().get(&second).await.status, 404);
    assert_eq!(api.post("/v1/users/999/display-picture", file).await.status, 404);
    let other = picture(&api, &alex, part(PNG, "alex.png")).await;
    drop(api);
    only(&mut server, &[&other]).await;
}

#[tokio::test]
async fn pictures_stand_in_messages_and_go_with_their_users() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let channel = api.channel("PUBLIC", "lobby").await;
    let url = picture(&api, &jane, part(PNG, "jane.png")).await;
    let sent = json!({"body": "Look!", "user": {"username": "jane"}});
    let message = api.post(&format!("/v1/channels/{}/messages", channel["id"]), sent).await.ok();
    assert_eq!(message["user"]["displayPictureUrl"], json!(url));
    let kept = picture(&api, &alex, part(PNG, "alex.png")).await;
    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    assert_eq!(server.stranger().get(&url).await.status, 404);
    drop(api);
    only(&mut server, &[&kept]).await;
}

#[tokio::test]
async fn files_go_with_their_application() {
    let mut server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    picture(&api, &api.user("jdoe").await, part(PNG, "jane.png")).await;
    let kept = picture(&other, &other.user("jdoe").await, part(PNG, "jane.png")).await;
    api.delete("/v1/applications/me").await.ok();
    drop((api, other));
    only(&mut server, &[&kept]).await;
}

#[tokio::test]
async fn files_outlast_the_server() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let url = picture(&api, &api.user("jdoe").await, part(PNG, "jane.png")).await;
    drop(api);
    server.stop().await;
    let again = Server::start_with(|config| config.database = server.database.clone()).await;
    let (bytes, _) = fetched(&again, &url.replace(&server.url, &again.url)).await;
    assert_eq!(bytes, PNG);
}

/// Sends a file as a message.
async fn send(api: &Caller<'_>, address: &str, form: Form) -> Answer {
    Answer::of(api.request(Method::POST, address).multipart(form)).await
}

#[tokio::test]
async fn a_file_is_sent_as_a_message_and_goes_with_it() {
    let mut server = Server::start().await;
    let (url, message) = {
        let api = server.application().await;
        let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
        let address = format!("/v1/channels/{}/messages", channel["id"]);
        let form = Form::new()
            .text("username", "jdoe")
            .text("groupTag", "meeting")
            .text("properties", r#"{"page": 1}"#)
            .part("file", part("Minutes", "minutes of the meeting.txt").mime_str("text/plain").unwrap());
        let message = send(&api, &address, form).await.ok();
        assert_eq!((&message["type"], &message["user"]["id"]), (&json!("FILE"), &user["id"]));
        assert_eq!((&message["groupTag"], &message["properties"]), (&json!("meeting"), &json!({"page": 1})));
        let file = &message["file"];
        assert_eq!((&file["type"], &file["size"]), (&json!("HOSTED"), &json!(7)));
        assert_eq!((&file["name"], &file["contentType"]), (&json!("minutes of the meeting.txt"), &json!("text/plain")));
        let url = file["url"].as_str().expect("an address").to_owned();
        assert_eq!(fetched(&server, &url).await.0, b"Minutes");
        assert_eq!(api.get(&format!("/v1/messages/{}", message["id"])).await.ok(), message);
        let found = api.get("/v1/messages?query=minutes").await.ok();
        assert_eq!(found["_embedded"]["messages"], json!([message]));

        let thread = api.get(message["_links"]["replies"]["href"].as_str().unwrap()).await.ok();
        let address = format!("/v1/threads/{}/messages", thread["id"]);
        let reply = send(&api, &address, Form::new().part("file", part("Reply", "reply.txt"))).await.ok();
        assert_eq!((&reply["type"], &reply["nestedLevel"]), (&json!("SYSTEM_FILE"), &json!(1)));
        let (owned, _) = noted(&server).await;
        assert_eq!(owned.len(), 2);
        (url, message)
    };
    {
        let api = server.application().await;
        // The reply and its file go along.
        api.delete(&format!("/v1/messages/{}", message["id"])).await.ok();
        assert_eq!(server.http.get(&url).send().await.expect("an answer").status(), 404);
    }
    only(&mut server, &[]).await;
}

/// Messages carry any file; one that a browser could run must not run where a reader's token is at hand.
#[tokio::test]
async fn what_a_browser_could_run_is_only_offered_to_be_saved() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let address = format!("/v1/channels/{}/messages", channel["id"]);
    let script = "<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>";
    for (name, media) in [
        ("page.html", "text/html"),
        ("page.xhtml", "application/xhtml+xml"),
        ("picture.svg", "image/svg+xml"),
        ("picture.svg", "IMAGE/SVG+XML; charset=utf-8"),
        ("feed.xml", "text/xml"),
        ("code.js", "text/javascript"),
        ("paper.pdf", "application/pdf"),
        ("nothing", "unknown/unknown"),
    ] {
        let part = part(script, name).mime_str(media).expect("a media type");
        let message = send(&api, &address, Form::new().part("file", part)).await.ok();
        let (bytes, headers) = fetched(&server, message["file"]["url"].as_str().expect("an address")).await;
        assert_eq!(bytes, script.as_bytes());
        let header = |name: &str| headers[name].to_str().expect("text");
        assert!(header("content-disposition").starts_with("attachment; "), "{media}: {headers:?}");
        assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox", "{media}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{media}");
    }
}

/// The name of a part may hold what ends a header, escaped as browsers do and as RFC 8187 has it.
#[tokio::test]
async fn a_file_name_begins_no_header() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let address = format!("/v1/channels/{}/messages", channel["id"]);
    for parameter in [
        "filename=\"a%0D%0AX-Planted: yes.txt\"",
        "filename=\"a\\\r\n X-Planted: yes.txt\"",
        "filename*=UTF-8\'\'a%0D%0AX-Planted:%20yes.txt",
    ] {
        let body =
            format!("--x\r\nContent-Disposition: form-data; name=\"file\"; {parameter}\r\n\r\nHello\r\n--x--\r\n");
        let request = api.request(Method::POST, &address).header("content-type", "multipart/form-data; boundary=x");
        let answer = Answer::of(request.body(body)).await;
        if answer.status == 400 {
            continue;
        }
        let message = answer.ok();
        let (_, headers) = fetched(&server, message["file"]["url"].as_str().expect("an address")).await;
        assert!(!headers.contains_key("x-planted"), "{parameter}: {headers:?}");
        let name = message["file"]["name"].as_str().expect("a name");
        assert!(!name.contains(char::is_control), "{parameter}: {name:?}");
    }
}

#[tokio::test]
async fn files_of_messages_go_with_channels_users_and_all_messages() {
    let mut server = Server::start().await;
    {
        let api = server.application().await;
        let (first, second) = (api.channel("PUBLIC", "first").await, api.channel("PUBLIC", "second").await);
        let user = api.user("jdoe").await;
        let address = |channel: &Value| format!("/v1/channels/{}/messages", channel["id"]);
        let file = || Form::new().part("file", part("bytes", "a.bin"));
        send(&api, &address(&first), file()).await.ok();
        send(&api, &address(&second), file().text("username", "jdoe")).await.ok();
        send(&api, &address(&second), file()).await.ok();
        api.delete(&format!("/v1/channels/{}", first["id"])).await.ok();
        api.delete(&format!("/v1/users/{}", user["id"])).await.ok();
        assert_eq!(noted(&server).await.0.len(), 1);
        api.delete("/v1/messages").await.ok();
    }
    only(&mut server, &[]).await;
}

#[tokio::test]
async fn a_file_message_that_is_refused_leaves_no_file() {
    let mut server = Server::start().await;
    {
        let api = server.application().await;
        let (channel, open) = (api.channel("PUBLIC", "lobby").await, api.channel("OPEN", "stream").await);
        let address = format!("/v1/channels/{}/messages", channel["id"]);
        let file = || Form::new().part("file", part("bytes", "a.bin"));
        send(&api, &address, Form::new().text("username", "jdoe")).await.faults(&[("file", "missing_field")]);
        send(&api, &address, file().text("username", "nobody")).await.faults(&[("username", "missing")]);
        for properties in ["x", "[1]", "\"{}\"", format!("{}1{}", "{\"a\":".repeat(101), "}".repeat(101)).as_str()] {
            let answer = send(&api, &address, file().text("properties", properties.to_owned())).await;
            answer.faults(&[("properties", "invalid")]);
        }
        let stream = format!("/v1/channels/{}/messages", open["id"]);
        send(&api, &stream, file()).await.faults(&[("file", "unprocessable")]);
        assert_eq!(send(&api, "/v1/channels/999/messages", file()).await.status, 404);
        assert_eq!(send(&api, "/v1/threads/999/messages", file()).await.status, 404);
        assert_eq!(api.get("/v1/messages").await.ok()["_embedded"]["messages"], json!([]));
    }
    only(&mut server, &[]).await;
}
