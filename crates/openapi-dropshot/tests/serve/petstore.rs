//! A shop: success, and every failure that the framework answers by itself.

use crate::fixture::{Problem, Running, answer_of, json_of, start, violations};
use crate::generated::petstore::server::orders::OrdersApi;
use crate::generated::petstore::server::pets::{ListPetsQuery, PetsApi};
use crate::generated::petstore::server::shop::ShopApi;
use crate::generated::petstore::server::{self, OPERATIONS};
use crate::generated::petstore::types::{
    Inventory, NewOrder, NewPet, Order, Pet, PetChange, PetList, Photo, PhotoUpload,
};
use futures::{FutureExt, StreamExt, stream};
use http::header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use openapi_dropshot::runtime::{Call, Content, MergePatch, Multipart, Operation, Reply, Response, Service};
use reqwest::multipart::{Form, Part};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Default)]
struct Shop {
    pets: Mutex<BTreeMap<i64, Pet>>,
    photos: Mutex<BTreeMap<i64, Vec<u8>>>,
    /// Rings when the first bytes of a photo have reached the handler.
    first_bytes: Notify,
}

/// Who is calling: a customer with a key, or staff with a token.
#[derive(Debug, PartialEq)]
enum Caller {
    Customer,
    Staff,
}

impl Service for Shop {
    type Principal = Caller;
    type Error = Problem;

    async fn authorize(&self, call: &Call) -> Result<Caller, Problem> {
        let key = call.headers().contains_key("x-shop-key");
        let scopes = call.headers().get("x-scopes").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let granted = |scope: &str| scopes.split(' ').any(|granted| granted == scope);
        let mut met = call.operation.security.iter().filter(|alternative| {
            alternative.iter().all(|requirement| match requirement.scheme {
                "apiKey" => key,
                _ => requirement.scopes.iter().all(|scope| granted(scope)),
            })
        });
        match met.next() {
            Some([requirement]) if requirement.scheme == "apiKey" => Ok(Caller::Customer),
            Some(_) => Ok(Caller::Staff),
            None => Err(Problem::new(StatusCode::UNAUTHORIZED, "who are you?")),
        }
    }

    fn render(&self, error: Problem, operation: Option<&'static Operation>) -> Response {
        error.render("application/problem+json", operation)
    }
}

impl Shop {
    fn pet(&self, id: i64) -> Result<Pet, Problem> {
        let found = self.pets.lock().expect("no handler panics with the lock").get(&id).cloned();
        found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such pet"))
    }
}

impl PetsApi for Shop {
    async fn list_pets(&self, _: &Call, _: Caller, query: ListPetsQuery) -> Result<Reply<PetList>, Problem> {
        let wanted = |pet: &&Pet| query.species.as_ref().is_none_or(|species| species.contains(&pet.species));
        let pets = self.pets.lock().expect("no handler panics with the lock");
        let limit = usize::try_from(query.limit).unwrap_or_default();
        Ok(PetList { pets: pets.values().filter(wanted).take(limit).cloned().collect() }.into())
    }

    async fn add_pet(&self, _: &Call, caller: Caller, body: NewPet) -> Result<Reply<Pet>, Problem> {
        assert_eq!(caller, Caller::Staff, "customers have no scope that lets them in");
        let mut pets = self.pets.lock().expect("no handler panics with the lock");
        let id = pets.keys().last().map_or(1, |last| last + 1);
        let NewPet { name, species, born, tags, vaccinated } = body;
        let pet = Pet { id, name, species, born, tags, vaccinated };
        pets.insert(id, pet.clone());
        let location = HeaderValue::try_from(format!("/pets/{id}")).expect("a number makes a header");
        Ok(Reply::new(pet).header(LOCATION, location))
    }

    async fn get_pet(&self, _: &Call, _: Caller, pet_id: i64) -> Result<Reply<Pet>, Problem> {
        assert_ne!(pet_id, 13, "unlucky");
        Ok(self.pet(pet_id)?.into())
    }

    async fn change_pet(
        &self,
        _: &Call,
        _: Caller,
        pet_id: i64,
        body: MergePatch<PetChange>,
    ) -> Result<Reply<Pet>, Problem> {
        let mut pet = self.pet(pet_id)?;
        if body.clears("vaccinated") {
            pet.vaccinated = false;
        }
        pet.name = body.set.name.unwrap_or(pet.name);
        pet.vaccinated = body.set.vaccinated.unwrap_or(pet.vaccinated);
        self.pets.lock().expect("no handler panics with the lock").insert(pet_id, pet.clone());
        Ok(pet.into())
    }

    async fn remove_pet(&self, _: &Call, _: Caller, pet_id: i64) -> Result<Reply<()>, Problem> {
        self.pet(pet_id)?;
        self.pets.lock().expect("no handler panics with the lock").remove(&pet_id);
        Ok(().into())
    }

    async fn get_photo(&self, _: &Call, pet_id: i64) -> Result<Reply<Content>, Problem> {
        let photo = self.photos.lock().expect("no handler panics with the lock").get(&pet_id).cloned();
        let photo = photo.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no photo of it"))?;
        Ok(Content::bytes(photo).into())
    }

    async fn upload_photo(
        &self,
        _: &Call,
        _: Caller,
        pet_id: i64,
        mut body: Multipart<PhotoUpload>,
    ) -> Result<Reply<Photo>, Problem> {
        let (mut bytes, mut file_name) = (Vec::new(), None);
        while let Some(mut file) = body.next_file().await? {
            assert_eq!(file.field, "file", "only declared files are handed out");
            file_name.clone_from(&file.file_name);
            while let Some(chunk) = file.chunk().await? {
                bytes.extend_from_slice(&chunk);
                self.first_bytes.notify_one();
            }
        }
        let PhotoUpload { caption, .. } = body.finish().await?;
        let photo = Photo { caption, bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX), file_name };
        self.photos.lock().expect("no handler panics with the lock").insert(pet_id, bytes);
        Ok(photo.into())
    }
}

impl OrdersApi for Shop {
    async fn place_order(&self, _: &Call, caller: Caller, body: NewOrder) -> Result<Reply<Order>, Problem> {
        assert_eq!(caller, Caller::Customer);
        let NewOrder { pet_id, gift, extras, payment: _ } = body;
        self.pet(pet_id)?;
        Ok(Order { id: uuid::Uuid::nil(), pet_id, gift, extras }.into())
    }
}

impl ShopApi for Shop {
    async fn count_pets(&self, _: &Call, _: Caller) -> Result<Reply<Inventory>, Problem> {
        let mut counts = std::collections::HashMap::new();
        for pet in self.pets.lock().expect("no handler panics with the lock").values() {
            *counts.entry(pet.species.to_string()).or_insert(0) += 1;
        }
        Ok(Inventory(counts).into())
    }

    async fn is_open(&self, _: &Call) -> Result<Reply<Content>, Problem> {
        Ok(Content::bytes("yes").into())
    }
}

fn open_shop() -> Running<Shop> {
    let api = server::api().expect("dropshot takes every route");
    start(api, Shop::default())
}

impl Running<Shop> {
    fn staff(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).header("X-Scopes", "pets:read pets:write")
    }

    async fn add(&self, name: &str, species: &str) -> i64 {
        let pet = json!({"name": name, "species": species});
        let pet = json_of(self.staff(Method::POST, "/pets").json(&pet), 201).await;
        pet["id"].as_i64().expect("a pet has an id")
    }
}

#[tokio::test]
async fn a_pet_comes_changes_and_goes() {
    let shop = open_shop();
    let pet = json!({"name": "Tom", "species": "cat", "born": "2020-02-29", "tags": ["grey"]});
    let answer = answer_of(shop.staff(Method::POST, "/pets").json(&pet), 201).await;
    assert_eq!(answer.headers()[LOCATION], "/pets/1");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let expected =
        json!({"id": 1, "name": "Tom", "species": "cat", "born": "2020-02-29", "tags": ["grey"], "vaccinated": false});
    assert_eq!(json_of(shop.get("/pets/1"), 200).await, expected);
    let change = shop.staff(Method::PATCH, "/pets/1").header(CONTENT_TYPE, "application/merge-patch+json");
    assert_eq!(json_of(change.body(r#"{"vaccinated": true}"#), 200).await["vaccinated"], true);
    for (body, expected) in [(r#"{"name": "Thomas"}"#, true), (r#"{"vaccinated": null}"#, false)] {
        let change = shop.staff(Method::PATCH, "/pets/1").header(CONTENT_TYPE, "application/merge-patch+json");
        assert_eq!(json_of(change.body(body), 200).await["vaccinated"], expected, "{body}");
    }
    let answer = answer_of(shop.staff(Method::DELETE, "/pets/1"), 204).await;
    assert!(!answer.headers().contains_key(CONTENT_TYPE));
    assert_eq!(json_of(shop.get("/pets/1"), 404).await["message"], "no such pet");
}

#[tokio::test]
async fn lists_take_repeated_items_and_defaults() {
    let shop = open_shop();
    for number in 0..25 {
        shop.add("Pet", if number % 2 == 0 { "cat" } else { "dog" }).await;
    }
    let count = |list: serde_json::Value| list["pets"].as_array().map_or(0, Vec::len);
    assert_eq!(count(json_of(shop.get("/pets"), 200).await), 20, "the default limit is 20");
    assert_eq!(count(json_of(shop.get("/pets?species=cat&limit=100"), 200).await), 13);
    assert_eq!(count(json_of(shop.get("/pets?species=cat&species=dog&limit=100&unknown=1"), 200).await), 25);
}

#[tokio::test]
async fn all_violations_come_at_once_and_nothing_of_what_was_sent() {
    let shop = open_shop();
    let problem = json_of(shop.get("/pets?limit=1000&species=cat&species=horse&species=cat&max_age=0"), 400).await;
    let expected = ["Query limit Range", "Query species Unique", "Query species[1] Enum", "Query max_age Range"];
    assert_eq!(violations(&problem), expected);
    let pet = json!({"name": "", "species": 7, "born": "2021-02-29", "tags": ["ok", "Not OK"], "vaccinated": "si"});
    let answer = answer_of(shop.staff(Method::POST, "/pets").json(&pet), 400).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    let text = answer.text().await.expect("the answer has a body");
    let problem = serde_json::from_str(&text).expect("the answer is JSON");
    let expected =
        ["Body name Length", "Body species Type", "Body born Format", "Body tags[1] Pattern", "Body vaccinated Type"];
    assert_eq!(violations(&problem), expected);
    for sent in ["Not OK", "2021-02-29", "\"si\""] {
        assert!(!text.contains(sent), "the answer repeats what was sent: {text}");
    }
    let patch = |path: &str| shop.staff(Method::PATCH, path).header(CONTENT_TYPE, "application/merge-patch+json");
    let problem = json_of(patch("/pets/0").body(r#"{"name": null, "owner": 1}"#), 400).await;
    assert_eq!(violations(&problem), ["Path pet_id Range", "Body name Type", "Body  Unknown"]);
    let problem = json_of(patch("/pets/x").body("{}"), 400).await;
    assert_eq!(violations(&problem), ["Path pet_id Type", "Body  Size"]);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let shop = open_shop();
    let post = || shop.staff(Method::POST, "/pets").header(CONTENT_TYPE, "application/json");
    assert_eq!(violations(&json_of(post(), 400).await), ["Body  Missing"]);
    let problem = json_of(post().body("{\"name\": \n"), 400).await;
    assert_eq!(problem["message"], "the body is not JSON: line 2, column 0");
    assert_eq!(violations(&json_of(post().body("[]"), 400).await), ["Body  Type"]);
    json_of(post().body(vec![0xff]), 400).await;
    json_of(post().body("[".repeat(4000)), 400).await;
}

#[tokio::test]
async fn strangers_are_refused_before_anything_is_read() {
    let shop = open_shop();
    // All else is wrong too, and the body never ends.
    let endless = reqwest::Body::wrap_stream(
        stream::iter([Ok::<_, std::io::Error>("{")]).chain(stream::once(std::future::pending())),
    );
    let request = shop.anonymous(Method::POST, "/pets").header(ACCEPT, "image/gif").header(CONTENT_TYPE, "text/plain");
    let answer = tokio::time::timeout(Duration::from_secs(10), json_of(request.body(endless), 401)).await;
    assert_eq!(answer.expect("the answer does not wait for the body")["message"], "who are you?");
    // A key is enough for the one operation and not for the other.
    answer_of(shop.get("/pets?limit=5"), 200).await;
    answer_of(shop.post("/pets").json(&json!({})), 401).await;
    answer_of(shop.anonymous(Method::GET, "/pets?limit=no"), 401).await;
    // Some scopes are not enough.
    answer_of(shop.anonymous(Method::POST, "/pets").header("X-Scopes", "pets:read").json(&json!({})), 401).await;
    // Public operations ask nobody.
    answer_of(shop.anonymous(Method::GET, "/open"), 200).await;
}

#[tokio::test]
async fn every_operation_is_closed_unless_the_document_opens_it() {
    let shop = open_shop();
    for operation in OPERATIONS {
        let path = operation.path.replace("{pet_id}", "1");
        let status = shop.anonymous(operation.method.clone(), &path).send().await.expect("the server answers").status();
        let open = ["getPhoto", "isOpen"].contains(&operation.id);
        assert_eq!(status != StatusCode::UNAUTHORIZED, open, "{} answers {status}", operation.id);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_the_shape_of_the_document() {
    let shop = open_shop();
    for path in ["/", "/pet", "/pets/1/2", "/pets/1/photo/x"] {
        let answer = answer_of(shop.get(path), 404).await;
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json", "{path}");
        assert!(answer.text().await.expect("the answer has a body").contains("\"status\":404"));
    }
    let answer = answer_of(shop.request(Method::PUT, "/pets/1"), 405).await;
    assert_eq!(answer.headers()[ALLOW], "DELETE, GET, HEAD, OPTIONS, PATCH");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    let answer = answer_of(shop.anonymous(Method::OPTIONS, "/orders"), 204).await;
    assert_eq!(answer.headers()[ALLOW], "OPTIONS, POST");
    answer_of(shop.anonymous(Method::OPTIONS, "/order"), 404).await;
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let shop = open_shop();
    let get = answer_of(shop.get("/inventory"), 200).await;
    let head = answer_of(shop.request(Method::HEAD, "/inventory"), 200).await;
    assert_eq!(head.headers()[CONTENT_TYPE], get.headers()[CONTENT_TYPE]);
    assert_eq!(head.headers()[CONTENT_LENGTH], get.headers()[CONTENT_LENGTH]);
    assert_eq!(head.text().await.expect("there is an end"), "");
    answer_of(shop.request(Method::HEAD, "/orders"), 405).await;
    answer_of(shop.anonymous(Method::HEAD, "/inventory"), 401).await;
}

#[tokio::test]
async fn the_answer_comes_in_the_type_that_is_preferred() {
    let shop = open_shop();
    shop.add("Nemo", "fish").await;
    let cases = [
        ("*/*", Some("application/json")),
        ("application/vnd.shop+json", Some("application/vnd.shop+json")),
        ("application/json;q=0.1, application/vnd.shop+json;q=0.2", Some("application/vnd.shop+json")),
        ("text/html, application/*;q=0.5", Some("application/json")),
        ("application/json;q=0, application/*", Some("application/vnd.shop+json")),
        ("text/html", None),
        ("application/json;q=0", None),
    ];
    for (accept, expected) in cases {
        let request = shop.get("/inventory").header(ACCEPT, accept);
        match expected {
            Some(media) => {
                let answer = answer_of(request, 200).await;
                assert_eq!(answer.headers()[CONTENT_TYPE], media, "{accept}");
                assert_eq!(answer.text().await.expect("the answer has a body"), r#"{"fish":1}"#);
            }
            None => {
                let problem = json_of(request, 406).await;
                assert_eq!(problem["message"], "this operation answers application/json or application/vnd.shop+json");
            }
        }
    }
    let answer = answer_of(shop.get("/open"), 200).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain");
    assert_eq!(answer.text().await.expect("the answer has a body"), "yes");
}

#[tokio::test]
async fn the_same_order_may_be_json_or_a_form() {
    let shop = open_shop();
    let pet = shop.add("Rex", "dog").await;
    let expected = json!({"id": "00000000-0000-0000-0000-000000000000", "pet_id": pet, "gift": true, "extras": ["leash", "a & b"]});
    let order = json!({"pet_id": pet, "payment": "card", "gift": true, "extras": ["leash", "a & b"]});
    assert_eq!(json_of(shop.post("/orders").json(&order), 201).await, expected);
    let form = [("pet_id", "1"), ("payment", "card"), ("gift", "true"), ("extras", "leash"), ("extras", "a & b")];
    assert_eq!(json_of(shop.post("/orders").form(&form), 201).await, expected);
    let problem = json_of(shop.post("/orders").form(&[("pet_id", "one"), ("gift", "maybe")]), 400).await;
    assert_eq!(violations(&problem), ["Body pet_id Type", "Body payment Missing", "Body gift Type"]);
    let problem = json_of(shop.post("/orders").header(CONTENT_TYPE, "application/xml").body("<order/>"), 415).await;
    assert_eq!(problem["message"], "send the body as application/json or application/x-www-form-urlencoded");
}

#[tokio::test]
async fn bodies_beyond_their_limit_are_refused() {
    let shop = open_shop();
    let post = || shop.staff(Method::POST, "/pets").header(CONTENT_TYPE, "application/json");
    // Once by the length that is declared, and once by what arrives.
    let problem = json_of(post().body(" ".repeat(4097)), 413).await;
    assert_eq!(problem["message"], "the body may have 4096 bytes");
    let pieces = stream::iter((0..5).map(|_| Ok::<_, std::io::Error>(" ".repeat(1000))));
    json_of(post().body(reqwest::Body::wrap_stream(pieces)), 413).await;
    json_of(post().body(format!("{}{}", r#"{"name": "Tom", "species": "cat"}"#, " ".repeat(4000))), 201).await;
}

#[tokio::test]
async fn photos_stream_through_the_handler() {
    let shop = open_shop();
    let service = std::sync::Arc::clone(&shop.service);
    // The second half is sent when the first one has reached the handler, so a body that is gathered first never ends.
    let halves = stream::iter([Ok(vec![1_u8; 1000])]).chain(
        async move { service.first_bytes.notified().await }
            .map(|()| Ok::<_, std::io::Error>(vec![2_u8; 1000]))
            .into_stream(),
    );
    let file = Part::stream(reqwest::Body::wrap_stream(halves)).file_name("tom.png");
    let form = Form::new().text("caption", "Tom, asleep").part("file", file).text("width", "640");
    let request = shop.staff(Method::POST, "/pets/1/photo").multipart(form);
    let photo = tokio::time::timeout(Duration::from_secs(10), json_of(request, 201)).await.expect("the file streams");
    assert_eq!(photo, json!({"caption": "Tom, asleep", "bytes": 2000, "file_name": "tom.png"}));
    let answer = answer_of(shop.get("/pets/1/photo"), 200).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "image/png");
    assert_eq!(answer.bytes().await.expect("the answer has a body").len(), 2000);
}

#[tokio::test]
async fn a_photo_that_is_not_as_documented_is_refused() {
    let shop = open_shop();
    let post = |form: Form| shop.staff(Method::POST, "/pets/1/photo").multipart(form);
    let file = || Part::bytes(vec![0_u8; 10]).file_name("a.png");
    let problem = json_of(post(Form::new().part("portrait", file()).text("width", "0")), 400).await;
    assert_eq!(violations(&problem), ["Body file Missing", "Body caption Missing", "Body width Range"]);
    // A file in the place of a text is read as one.
    let caption = Part::bytes(&b"by file"[..]).file_name("caption.txt");
    let photo =
        json_of(post(Form::new().part("file", Part::bytes(vec![0_u8; 10])).part("caption", caption)), 201).await;
    assert_eq!(photo, json!({"caption": "by file", "bytes": 10}));
    let large = Part::bytes(vec![0_u8; 1 << 20]).file_name("large.png");
    json_of(post(Form::new().text("caption", "x").part("file", large)), 413).await;
    let request = shop.staff(Method::POST, "/pets/1/photo");
    let problem = json_of(request.header(CONTENT_TYPE, "multipart/form-data").body("x"), 400).await;
    assert_eq!(violations(&problem), ["Body  Format"]);
    let request = shop.staff(Method::POST, "/pets/1/photo");
    json_of(request.header(CONTENT_TYPE, "multipart/form-data; boundary=x").body("--x\r\nhalf"), 400).await;
    answer_of(shop.staff(Method::POST, "/pets/1/photo").json(&json!({})), 415).await;
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let shop = open_shop();
    let problem = json_of(shop.get("/pets/13"), 500).await;
    assert_eq!(problem, json!({"status": 500, "message": "a handler panicked", "violations": []}));
    // The server goes on.
    shop.add("Tom", "cat").await;
    json_of(shop.get("/pets/1"), 200).await;
}
