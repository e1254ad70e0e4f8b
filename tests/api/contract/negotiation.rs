//! `Accept` chooses among what the document declares.

use super::conformance::Report;
use super::document::operations;
use super::world::{World, Worlds};
use reqwest::header::CONTENT_TYPE;

#[tokio::test]
async fn the_accepted_media_type_is_answered() {
    let (mut worlds, mut report) = (Worlds::default(), Report::default());
    for operation in operations() {
        let declared = operation.media_types(operation.success());
        let first = declared.first().copied();
        let mut cases =
            vec![(None, first), (Some("*/*".to_owned()), first), (Some("text/plain, */*;q=0.1".to_owned()), first)];
        cases.extend(declared.iter().map(|media| (Some((*media).to_owned()), Some(*media))));
        cases.extend(declared.iter().map(|media| (Some(format!("{media};q=0.5, text/plain")), Some(*media))));
        let addresses = operation.addresses(1).len();
        for (number, (accept, expected)) in cases.into_iter().enumerate() {
            // What changes something takes a world for each request, so its cases are spread over the addresses.
            for index in (0..addresses).filter(|index| operation.is_safe() || *index == number % addresses) {
                let world = worlds.before(&operation).await;
                let address = operation.addresses(world.application()).remove(index);
                let request = world.request(&operation, &address).with_header("accept", accept.as_deref());
                let answer = world.send(&request).await;
                let what = format!("Accept: {accept:?}");
                report.answer(&operation, &request, &what, &answer, operation.success());
                let sent = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let expected = expected.filter(|media| *media != "*/*").or(sent);
                report.check(sent == expected, &operation, &request, || {
                    format!("{what} was answered as {sent:?} instead of {expected:?}")
                });
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_media_type_that_is_not_served_is_refused() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations() {
        // Where nothing is sent, nothing can be unacceptable.
        let served = operation.media_types(operation.success());
        if served == ["*/*"] {
            continue;
        }
        for media in served.first().into_iter().flat_map(|_| ["text/plain", "application/xml", "application/*;q=0"]) {
            if media.starts_with("application/*") && !served.iter().all(|served| served.starts_with("application/")) {
                continue;
            }
            for address in operation.addresses(world.application()) {
                let request = world.request(&operation, &address).with_header("accept", Some(media));
                let answer = world.send(&request).await;
                report.answer(&operation, &request, &format!("Accept: {media}"), &answer, 406);
            }
        }
    }
    report.finish();
}
