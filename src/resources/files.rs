//! The picture of who has none: the initials of a name on a colour of its own.

use crate::error::Error;
use crate::generated::server::FilesApi;
use crate::platform::Platform;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use openapi_dropshot::runtime::{Call, Content, Reply};

impl FilesApi for Platform {
    async fn retrieve_display_picture(&self, _: &Call, name: String) -> Result<Reply<Content>, Error> {
        // A browser that is led here directly must not run what an SVG may hold.
        let sandbox = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
        Ok(Reply::new(Content::bytes(picture(&name))).header(CONTENT_SECURITY_POLICY, sandbox))
    }
}

fn picture(name: &str) -> String {
    let initials: String =
        name.split_whitespace().take(2).filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect();
    // Any spread will do that is the same on every server.
    let hue = name.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % 360;
    let text = initials.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 96 96\" role=\"img\">\
         <rect width=\"96\" height=\"96\" fill=\"hsl({hue} 55% 38%)\"/>\
         <text x=\"48\" y=\"48\" dy=\".35em\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"40\" \
         fill=\"#fff\">{text}</text></svg>"
    )
}
