//! The typed client against the server: how it gets in and stays in, follows links, and reads what it does not know.

use crate::child::Serving;
use crate::support::{Answer, CLIENT, Server};
use chatkitty_platform::events::Wanted;
use chatkitty_platform::generated::client::Error;
use chatkitty_platform::generated::server::OPERATIONS;
use chatkitty_platform::generated::wire::{
    ChannelResource, ChannelType, ChatUserType, CreateChannelResource, DeletedMessageResource, MessageResource,
    NotificationData, ReplyThreadResource, StreamEvent, ValidationErrorCode,
};
use chatkitty_platform::session::TokenError;
use chatkitty_platform::store::tokens;
use chatkitty_platform::types::{
    ApiRoot, ChatUserResource, CursorPagedModelMessageResource, ErrorBody, Link, PagedModelChannelResource,
    PagedModelChatUserResource,
};
use chatkitty_platform::{Client, types};
use futures::future::join_all;
use futures::stream::TryStreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn connect(server: &Server) -> Client {
    Client::connect(&server.url, CLIENT.0, CLIENT.1).expect("a client")
}

/// How many tokens there are, and so how many were asked for.
async fn tokens_of(server: &Server) -> i64 {
    let store = server.store();
    let count = store.read(|tx| tx.query_opt("SELECT count(*) FROM tokens", &[], |row| row.i64(0)));
    count.await.expect("the tokens are counted").expect("a count")
}

async fn revoke_tokens(server: &Server) {
    let store = server.store();
    store.write(|tx| tokens::delete_for_client(tx, 1, CLIENT.0)).await.expect("the tokens are revoked");
}

/// A request of the client's own types, from JSON.
fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("what the document allows")
}

fn channel_id(channel: &ChannelResource) -> i64 {
    match channel {
        ChannelResource::Open(channel) => channel.id,
        ChannelResource::Public(channel) => channel.id,
        ChannelResource::Private(channel) => channel.id,
        ChannelResource::Direct(channel) => channel.id,
        other => panic!("a channel of no known type: {other:?}"),
    }
}

async fn create_channel(client: &Client, body: Value) -> ChannelResource {
    client.create_channel().body(read::<CreateChannelResource>(body)).send().await.expect("a channel").into_inner()
}

#[tokio::test]
async fn a_client_needs_an_id_and_a_secret_only() {
    let server = Server::start().await;
    let client = connect(&server);
    client.authorize().await.expect("the credentials are good");
    let user = client.create_user().body_map(|body| body.name("jdoe")).send().await.expect("a user");
    assert_eq!(user.name, "jdoe");
    assert_eq!(tokens_of(&server).await, 1, "a second token was fetched while the first was good");
}

#[tokio::test]
async fn wrong_credentials_are_a_typed_error() {
    let server = Server::start().await;
    let client = Client::connect(&server.url, CLIENT.0, "guess").expect("a client");
    let refused = client.authorize().await.expect_err("the secret is wrong");
    assert!(matches!(&refused, TokenError::Refused { status, .. } if status.as_u16() == 401), "{refused:?}");
    let text = client.retrieve_api_root().send().await.expect_err("there is no token").to_string();
    assert!(text.contains("invalid_client") && !text.contains("guess"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_the_same_moment_share_one_token() {
    let server = Server::start().await;
    let client = connect(&server);
    let calls = (0..50).map(|_| client.clone()).map(async |client| client.retrieve_api_root().send().await);
    for answer in join_all(calls).await {
        answer.expect("the root");
    }
    assert_eq!(tokens_of(&server).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_renewed_once_for_all_callers() {
    let server = Server::start().await;
    let client = connect(&server);
    client.retrieve_api_root().send().await.expect("the root");
    revoke_tokens(&server).await;
    // The server believes the old token for up to a second more; no caller may notice when that ends.
    let revoked = Instant::now();
    while tokens_of(&server).await == 0 {
        let calls = (0..50).map(|_| client.clone()).map(async |client| client.retrieve_api_root().send().await);
        for answer in join_all(calls).await {
            answer.expect("the root, with the old token or a new one");
        }
        assert!(revoked.elapsed() < Duration::from_secs(10), "the client never renewed its token");
    }
    client.retrieve_api_root().send().await.expect("the root");
    assert_eq!(tokens_of(&server).await, 1, "callers at the same moment renewed the token each for itself");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let server = Server::start_with(|config| config.token_lifetime = 1).await;
    let client = connect(&server);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2500) {
        client.retrieve_api_root().send().await.expect("the root, whatever the age of the token");
    }
}

#[tokio::test]
async fn numbered_pages_are_one_stream() {
    let server = Server::start().await;
    let client = connect(&server);
    for n in 0..7 {
        client.create_user().body_map(|body| body.name(format!("user{n}"))).send().await.expect("a user");
    }
    let first = client.list_users().size(3).sort(vec!["id,desc".to_owned()]).send().await.expect("a page").into_inner();
    let users: Vec<ChatUserResource> = client.items(first).try_collect().await.expect("all pages");
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["user6", "user5", "user4", "user3", "user2", "user1", "user0"]);
}

#[tokio::test]
async fn cursor_pages_are_one_stream() {
    let server = Server::start().await;
    let client = connect(&server);
    let channel = channel_id(&create_channel(&client, json!({"type": "PUBLIC", "name": "lobby"})).await);
    for n in 0..7 {
        client
            .send_channel_message()
            .id(channel)
            .body_map(|body| body.body(format!("{n}")))
            .send()
            .await
            .expect("sent");
    }
    let first = client.list_channel_messages().id(channel).size(3).send().await.expect("a page").into_inner();
    let messages: Vec<MessageResource> = client.items(first).try_collect().await.expect("all pages");
    let bodies = messages.iter().map(|message| match message {
        MessageResource::SystemText(message) => message.body.as_str(),
        other => panic!("not a text of the system: {other:?}"),
    });
    assert_eq!(bodies.collect::<String>(), "6543210");
}

#[tokio::test]
async fn a_link_is_followed_and_a_template_is_expanded_first() {
    let server = Server::start().await;
    let client = connect(&server);
    client.create_user().body_map(|body| body.name("jdoe & co")).send().await.expect("a user");
    let root = client.retrieve_api_root().send().await.expect("the root");
    let application =
        client.follow::<types::ApplicationResource>(&root.links.application).await.expect("followed").into_inner();
    let template = &application.links.find_users;
    let unexpanded = client.follow::<Value>(template).await.expect_err("a template is no address");
    assert!(matches!(unexpanded, Error::InvalidRequest(_)), "{unexpanded:?}");
    let link = template.expand(&[("name", "jdoe & co"), ("size", "1")]).expect("expanded");
    let page = client.follow::<PagedModelChatUserResource>(&link).await.expect("followed").into_inner();
    assert_eq!(page.embedded.users[0].name, "jdoe & co");
    assert!(template.expand(&[("colour", "red")]).is_err());
}

/// Or the token would be given to whoever gets a link into an answer.
#[tokio::test]
async fn a_link_to_another_origin_is_not_followed() {
    let (server, elsewhere) = (Server::start().await, TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let client = connect(&server);
    let port = elsewhere.local_addr().expect("an address").port();
    let own = server.url.trim_start_matches("http://");
    for href in [
        format!("http://127.0.0.1:{port}/v1"),
        format!("https://{own}/v1"),
        format!("//127.0.0.1:{port}/v1"),
        format!("http://{own}@127.0.0.1:{port}/v1"),
    ] {
        let link = Link { href, name: None, templated: None, title: None };
        let refused = client.follow::<ApiRoot>(&link).await.expect_err("another origin");
        assert!(matches!(refused, Error::InvalidRequest(_)), "{link:?}: {refused:?}");
    }
    let visit = tokio::time::timeout(Duration::from_millis(50), elsewhere.accept()).await;
    assert!(visit.is_err(), "the client went there all the same");
}

#[tokio::test]
async fn errors_are_typed() {
    let server = Server::start().await;
    let client = connect(&server);
    client.create_user().body_map(|body| body.name("jdoe")).send().await.expect("a user");
    let taken = client.create_user().body_map(|body| body.name("jdoe")).send().await.expect_err("the name is taken");
    let Error::ErrorResponse(answer) = taken else { panic!("not an error answer: {taken:?}") };
    assert_eq!(answer.status(), 400);
    assert!(answer.headers().contains_key("x-response-token"));
    let ErrorBody::ApiError(body) = answer.into_inner() else { panic!("not the API's error") };
    assert_eq!((body.errors[0].field.as_str(), &body.errors[0].code), ("name", &ValidationErrorCode::AlreadyExists));

    let missing = client.retrieve_user().id(999).send().await.expect_err("there is no such user");
    assert_eq!(missing.status().map(|status| status.as_u16()), Some(404));
    let anonymous = Client::anonymous(&server.url).expect("a client");
    let Error::ErrorResponse(answer) = anonymous.retrieve_api_root().send().await.expect_err("no token") else {
        panic!()
    };
    let ErrorBody::AuthenticationError(body) = answer.into_inner() else { panic!("not an authentication error") };
    assert_eq!(body.error, "unauthorized");
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_from_one_that_refuses() {
    let mut server = Server::start().await;
    let (client, late) = (connect(&server), connect(&server));
    client.retrieve_api_root().send().await.expect("the root");
    server.stop().await;
    let gone = client.retrieve_api_root().send().await.expect_err("nobody is there");
    assert!(matches!(gone, Error::CommunicationError(_)), "{gone:?}");
    let gone = late.authorize().await.expect_err("nobody is there");
    assert!(matches!(gone, TokenError::Failed { .. }), "{gone:?}");
    assert!(gone.to_string().contains("check the base URL and that the server is running"), "{gone}");
}

/// A server that gives one answer to everything.
async fn answering(body: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8192]).await;
            let body = body.to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn what_a_newer_server_says_is_read_by_an_older_client() {
    let server = Server::start().await;
    let api = server.application().await;
    let mut user = api.user("jdoe").await;
    user["type"] = json!("ANDROID");
    user["mood"] = json!({"is": "new"});
    let client = Client::anonymous(&answering(user).await).expect("a client");
    let user = client.retrieve_user().id(1).send().await.expect("a user of a type unknown so far");
    assert_eq!(user.type_, ChatUserType::Unknown("ANDROID".to_owned()));

    let mut page = api.get("/v1/channels").await.ok();
    let mut channel = api.channel("PUBLIC", "lobby").await;
    channel["mood"] = json!("new");
    page["_embedded"]["channels"] = json!([channel, {"type": "GALAXY", "id": 7, "stars": []}]);
    let client = Client::anonymous(&answering(page).await).expect("a client");
    let page: PagedModelChannelResource = client.list_channels().send().await.expect("a page").into_inner();
    assert!(matches!(&page.embedded.channels[0], ChannelResource::Public(channel) if channel.name == "lobby"));
    assert!(matches!(&page.embedded.channels[1], ChannelResource::Unknown(map) if map["type"] == "GALAXY"));

    let mut page = api.get("/v1/messages").await.ok();
    page["_embedded"]["messages"] = json!([{"type": "SYSTEM_HOLOGRAM", "body": 1}]);
    let client = Client::anonymous(&answering(page).await).expect("a client");
    let page: CursorPagedModelMessageResource = client.list_messages().send().await.expect("a page").into_inner();
    assert!(matches!(&page.embedded.messages[0], MessageResource::Unknown(map) if map["body"] == 1));
}

#[tokio::test]
async fn every_operation_can_be_called() {
    let server = Server::start().await;
    let client = connect(&server);
    let mut called = Vec::new();
    /// The answer of an operation, and a note that it was called.
    macro_rules! call {
        ($id:literal, $operation:expr) => {{
            called.push($id);
            $operation.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", $id)).into_inner()
        }};
    }
    assert_eq!(call!("checkLiveness", client.check_liveness()).status.to_string(), "UP");
    assert_eq!(call!("checkReadiness", client.check_readiness()).status.to_string(), "UP");
    let grant = json!({"grant_type": "client_credentials", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    let token = call!("createAccessToken", client.create_access_token().body(read::<types::AccessTokenRequest>(grant)));
    assert_eq!(token.scope, "org:1:app");
    let about = json!({"token": token.access_token, "client_id": CLIENT.0, "client_secret": CLIENT.1});
    let about = || read::<types::TokenRequest>(about.clone());
    assert!(call!("introspectAccessToken", client.introspect_access_token().body(about())).active);
    call!("revokeAccessToken", client.revoke_access_token().body(about()));
    assert!(!client.introspect_access_token().body(about()).send().await.expect("an answer").active);
    let root = call!("retrieveApiRoot", client.retrieve_api_root());
    assert_eq!(root.links.self_.href, format!("{}/v1", server.url));
    let application = call!("retrieveAuthenticatedApplication", client.retrieve_authenticated_application());
    let same = call!("retrieveApplication", client.retrieve_application().application_id("me"));
    assert_eq!(same.key, application.key);

    let user = call!(
        "createUser",
        client.create_user().body_map(|body| body.name("jdoe").display_name("Jane Doe".to_owned()))
    );
    assert_eq!(call!("retrieveUser", client.retrieve_user().id(user.id)).display_name, "Jane Doe");
    call!("checkUserExists", client.check_user_exists().name("jdoe"));
    assert_eq!(call!("listUsers", client.list_users().name("jdoe").page(0)).page.total_elements, 1);
    let picture = call!("retrieveDisplayPicture", client.retrieve_display_picture().name("Jane Doe"));
    let picture: Vec<_> = picture.into_inner().try_collect().await.expect("a picture");
    assert!(String::from_utf8_lossy(&picture.concat()).contains("JD"));

    let patch = read::<types::ChatUserPropertiesPatch>(json!({"presence": {"status": "AVAILABLE"}}));
    assert_eq!(call!("updateUser", client.update_user().id(user.id).body(patch)).presence.status, "AVAILABLE");
    let secret = read::<types::SecretResource>(json!({"secret": {"token": "5f0c1d2e"}}));
    call!("setUserSecret", client.set_user_secret().id(user.id).name("crm").body(secret));
    let found = call!("retrieveUserSecret", client.retrieve_user_secret().id(user.id).name("crm"));
    assert_eq!(found.secret["token"], "5f0c1d2e");
    call!("removeUserSecret", client.remove_user_secret().id(user.id).name("crm"));
    let external = json!({"url": "https://files.example.com/j", "name": "j", "contentType": "image/png", "size": 1});
    let external = read::<types::CreateExternalFileProperties>(external);
    let pictured = call!("updateUserDisplayPicture", client.update_user_display_picture().id(user.id).body(external));
    assert_eq!(pictured.display_picture_url, "https://files.example.com/j");
    let upload = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(b"GIF89a".as_slice()));
    let address = format!("/v1/users/{}/display-picture", user.id);
    let upload = Answer::of(server.application().await.request(Method::POST, &address).multipart(upload)).await.ok();
    let address = upload["displayPictureUrl"].as_str().expect("an address");
    let (key, name) = address.rsplit_once("/files/").and_then(|(_, rest)| rest.split_once('/')).expect("a file");
    let file = call!("retrieveFile", client.retrieve_file().key(key).name(name));
    let file: Vec<_> = file.into_inner().try_collect().await.expect("a file");
    assert_eq!(file.concat(), b"GIF89a");

    let body =
        read::<CreateChannelResource>(json!({"type": "PUBLIC", "name": "lobby", "creator": {"username": "jdoe"}}));
    let channel = channel_id(&call!("createChannel", client.create_channel().body(body)));
    call!("retrieveChannel", client.retrieve_channel().id(channel));
    let renamed = client.update_channel().id(channel).body_map(|body| body.display_name("The lobby".to_owned()));
    let renamed = call!("updateChannel", renamed);
    assert!(matches!(renamed, ChannelResource::Public(channel) if channel.display_name == "The lobby"));
    let found =
        call!("listChannels", client.list_channels().type_(ChannelType::Public).members(vec!["jdoe".to_owned()]));
    assert_eq!(found.page.total_elements, 1);
    assert_eq!(call!("listUserChannels", client.list_user_channels().id(user.id)).page.total_elements, 1);

    let another = client.create_user().body_map(|body| body.name("asmith")).send().await.expect("another user").id;
    let reference = || read::<types::UserReference>(json!({"id": another}));
    call!("sendChannelInvite", client.send_channel_invite().id(channel).body_map(|body| body.user(reference())));
    let invites = call!("listChannelInvites", client.list_channel_invites().id(channel));
    assert!(invites.embedded.invites[0].links.invitee.href.ends_with(&format!("/users/{another}")));
    call!("addChannelMember", client.add_channel_member().id(channel).body(reference()));
    assert_eq!(call!("listChannelMembers", client.list_channel_members().id(channel)).page.total_elements, 2);
    let memberships = call!("listChannelMemberships", client.list_channel_memberships().id(channel));
    assert_eq!(memberships.embedded.memberships.len(), 2);
    call!("addChannelModerator", client.add_channel_moderator().id(channel).body(reference()));
    assert_eq!(call!("listChannelModerators", client.list_channel_moderators().id(channel)).page.total_elements, 1);
    call!("removeChannelModerator", client.remove_channel_moderator().id(channel).user_id(another));
    call!("removeChannelMember", client.remove_channel_member().id(channel).user_id(another));

    let items = || read::<types::ChatUserImports>(json!([{"name": "gmurphy"}]));
    let job = call!("importUsers", client.import_users().body(items()));
    while client.retrieve_job().id(job.id).send().await.expect("the job").ended_time.is_none() {}
    let job = call!("retrieveJob", client.retrieve_job().id(job.id));
    assert_eq!((job.state.to_string(), job.progress.done), ("FINISHED".to_owned(), 1));
    let report = call!("retrieveJobFile", client.retrieve_job_file().id(job.id));
    let report: Vec<_> = report.into_inner().try_collect().await.expect("a report");
    assert!(report.is_empty(), "nothing is wrong with the item");
    let items = read::<types::ChannelImports>(json!([{"type": "PUBLIC", "name": "imported"}]));
    assert_eq!(call!("importChannels", client.import_channels().body(items)).type_.to_string(), "CHANNEL_IMPORT");
    let items = read::<types::ChannelMembershipImports>(json!([{"username": "gmurphy"}]));
    call!("importChannelMembers", client.import_channel_members().id(channel).body(items));
    call!("importMessages", client.import_messages().body(read::<types::MessageImports>(json!([]))));
    call!("exportUserAnalytics", client.export_user_analytics());
    let last = call!("exportMessageAnalytics", client.export_message_analytics());
    // The jobs of an application run in their order; what follows is not to meet one under way.
    while client.retrieve_job().id(last.id).send().await.expect("the job").ended_time.is_none() {}
    assert_eq!(call!("listJobs", client.list_jobs().running(false)).page.total_elements, 6);
    let body = read::<types::CreateChannelGenericEventResource>(json!({"type": "poll.opened"}));
    assert_eq!(call!("sendChannelEvent", client.send_channel_event().id(channel).body(body)).type_, "poll.opened");
    let body = json!({"keys": "Hel", "user": {"username": "jdoe"}});
    let body = read::<types::CreateDelegatedReplyThreadKeystrokesResource>(body);
    assert_eq!(
        call!("sendChannelKeystrokes", client.send_channel_keystrokes().id(channel).body(body)).username,
        "jdoe"
    );
    let none = call!("listChannelParticipants", client.list_channel_participants().id(channel)).page.total_elements;
    assert_eq!(none, 0);
    assert_eq!(call!("listUserSessions", client.list_user_sessions()).page.total_elements, 0);
    assert_eq!(call!("listChatSessions", client.list_chat_sessions()).page.total_elements, 0);
    let settings =
        call!("retrieveAuthenticatedApplicationSettings", client.retrieve_authenticated_application_settings());
    let body = read::<types::ApplicationSettingsProperties>(json!({"guestUsers": "DISABLED"}));
    let changed = client.update_authenticated_application_settings().body(body);
    let changed = call!("updateAuthenticatedApplicationSettings", changed);
    assert_ne!(changed.guest_users, settings.guest_users);

    let sender = read::<types::UserReference>(json!({"id": user.id}));
    let text = client.send_channel_message().id(channel).body_map(|body| body.body("Hello".to_owned()).user(sender));
    let MessageResource::Text(message) = call!("sendChannelMessage", text) else { panic!("not a text of a user") };
    let message = message.id.expect("a message that is kept");
    call!("retrieveMessage", client.retrieve_message().id(message));
    assert_eq!(call!("listChannelMessages", client.list_channel_messages().id(channel)).page.size, 1);
    assert_eq!(call!("listMessages", client.list_messages().start(message)).page.size, 1);

    let replies = call!("retrieveMessageThread", client.retrieve_message_thread().id(message));
    let ReplyThreadResource::Message(replies) = replies else { panic!("not the thread of a message: {replies:?}") };
    let reply = client.send_thread_message().id(replies.id).body_map(|body| body.body("Hello to you".to_owned()));
    assert!(matches!(call!("sendThreadMessage", reply), MessageResource::SystemText(_)));
    assert_eq!(call!("listThreadMessages", client.list_thread_messages().id(replies.id)).page.size, 1);
    let keys = read::<types::CreateDelegatedReplyThreadKeystrokesResource>(
        json!({"keys": "Hel", "user": {"username": "jdoe"}}),
    );
    let typed = client.send_thread_keystrokes().id(replies.id).body(keys);
    assert_eq!(call!("sendThreadKeystrokes", typed).username, "jdoe");
    call!("retrieveThread", client.retrieve_thread().id(replies.id));
    let edited = client.update_message().id(message).body_map(|body| body.body("Hello, all".to_owned()));
    let MessageResource::Text(edited) = call!("updateMessage", edited) else { panic!("not a text of a user") };
    assert_eq!((&*edited.body, edited.replies_count), ("Hello, all", Some(1)));
    let receipts = call!("listMessageReadReceipts", client.list_message_read_receipts().id(message));
    assert_eq!(receipts.page.total_elements, 0);
    // There are two messages, one of the user and a reply of the application.
    assert_eq!(call!("listUserMessages", client.list_user_messages().id(user.id)).page.size, 1);
    assert_eq!(call!("countUserUnreadMessages", client.count_user_unread_messages().id(user.id)).count, 1);
    let told = call!("listUserNotifications", client.list_user_notifications().id(user.id));
    assert!(matches!(told.embedded.notifications[0].data, NotificationData::SystemSentMessage(_)));
    let reported = call!("listChannelReportedMessages", client.list_channel_reported_messages().id(channel));
    assert_eq!(reported.page.total_elements, 0);
    let summaries = call!(
        "retrieveApplicationMessageReadReceiptSummaries",
        client.retrieve_application_message_read_receipt_summaries()
    );
    assert_eq!(summaries.embedded.summaries.len() as i64, summaries.page.total_elements);

    let events = call!("streamEvents", client.stream_events().after(0).follow(false).channel(vec![channel]));
    let events: Vec<_> = events.into_inner().try_collect().await.expect("the events that are kept");
    let events = String::from_utf8_lossy(&events.concat()).into_owned();
    assert!(events.contains("event: MESSAGE_CREATED") && !events.contains("event: USER_CREATED"), "{events}");
    let thread = call!("deleteMessage", client.delete_message().id(message));
    assert!(matches!(thread, DeletedMessageResource::Main(_)), "{thread:?}");
    assert_eq!(call!("deleteMessages", client.delete_messages()).id, application.id);
    assert_eq!(call!("deleteChannel", client.delete_channel().id(channel)).id, application.id);
    assert_eq!(call!("deleteUser", client.delete_user().id(user.id)).id, application.id);
    call!("deleteApplication", client.delete_application().application_id("me"));

    called.sort_unstable();
    let mut operations: Vec<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
    operations.sort_unstable();
    assert_eq!(called, operations, "an operation is new: call it here as well");
}

#[tokio::test]
async fn events_go_on_when_the_server_was_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = |command: &mut std::process::Command| {
        command.env("CHATKITTY_CLIENT_ID", CLIENT.0).env("CHATKITTY_CLIENT_SECRET", CLIENT.1);
    };
    let server = Serving::start_with(folder.path(), set);
    let (url, address) = (server.url.clone(), server.url.trim_start_matches("http://").to_owned());
    let client = Client::connect(&url, CLIENT.0, CLIENT.1).expect("a client");
    let channel = create_channel(&client, json!({"type": "PUBLIC", "name": "lobby"})).await;
    let send = async |body: &str| {
        let body: types::CreateMessageResource = read(json!({"body": body}));
        client.send_channel_message().id(channel_id(&channel)).body(body).send().await.expect("a message");
    };
    let wanted = Wanted { channels: vec![channel_id(&channel)], after: Some(1), ..Wanted::default() };
    let mut events = std::pin::pin!(client.events(wanted));
    let mut bodies = Vec::new();
    send("before").await;
    send("unread").await;
    let mut next = async || match events.try_next().await.expect("the stream goes on") {
        Some(StreamEvent::MessageCreated(sent)) => match sent.message {
            MessageResource::SystemText(message) => message.body,
            other => panic!("a message of another type: {other:?}"),
        },
        other => panic!("another event: {other:?}"),
    };
    bodies.push(next().await);
    server.program.signal("KILL");
    assert_eq!(server.program.finish().code, None);
    let server = Serving::start_with(folder.path(), |command| {
        set(command);
        command.env("CHATKITTY_LISTEN", &address);
    });
    send("after").await;
    bodies.extend([next().await, next().await]);
    assert_eq!(bodies, ["before", "unread", "after"]);
    drop(server);
}

#[tokio::test]
async fn events_that_are_refused_end_with_the_reason() {
    let server = Server::start().await;
    let stranger = Client::anonymous(&server.url).expect("a client");
    let mut events = std::pin::pin!(stranger.events(Wanted::default()));
    let refused = events.try_next().await.expect_err("nobody without a token sees events");
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(401));
}
