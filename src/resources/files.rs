//! Files as browsers fetch them: those that were sent here, and the picture of who has none.

use crate::error::Error;
use crate::files::is_shown;
use crate::generated::server::FilesApi;
use crate::hal::UNRESERVED;
use crate::platform::Platform;
use crate::store::files;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue,
};
use openapi_dropshot::runtime::{Call, Content, Reply};
use percent_encoding::utf8_percent_encode;

impl FilesApi for Platform {
    async fn retrieve_file(&self, _: &Call, key: String, name: String) -> Result<Reply<Content>, Error> {
        let file = self.store.read(move |tx| files::get(tx, &key)).await?;
        // Another name would be a promise about the file that its sender did not make.
        let file = file.filter(|file| file.name == name).ok_or(Error::NotFound("file"))?;
        let bytes = self.files.read(&file.key).await?;
        let text = |text: String| HeaderValue::try_from(text).map_err(|_| Error::NotFound("file"));
        let reply = Reply::new(Content::stream(bytes))
            .header(CONTENT_TYPE, text(file.content_type.clone())?)
            .header(CONTENT_LENGTH, HeaderValue::from(file.size))
            .header(CONTENT_DISPOSITION, text(disposition(&file.name, is_shown(&file.content_type)))?)
            // A key names the same bytes for ever; they are the reader's alone to keep.
            .header(ETAG, text(format!("\"{}\"", file.key))?)
            .header(CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"))
            .header(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"))
            .header(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        Ok(reply)
    }

    async fn retrieve_display_picture(&self, _: &Call, name: String) -> Result<Reply<Content>, Error> {
        // A browser that is led here directly must not run what an SVG may hold.
        let sandbox = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
        Ok(Reply::new(Content::bytes(picture(&name))).header(CONTENT_SECURITY_POLICY, sandbox))
    }
}

/// Any page may show a file that it was given the address of.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// How the file is offered, as RFC 6266 has it: its name in letters that every client reads, and in full.
fn disposition(name: &str, shown: bool) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_') { c } else { '_' })
        .collect();
    let kind = if shown { "inline" } else { "attachment" };
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, UNRESERVED))
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
