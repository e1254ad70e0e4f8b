//! Request bodies that arrive in pieces.

use super::call::{is_file, malformed, object, too_large};
use super::failure::{Code, Failure, FailureKind, Violation};
use super::operation::{Location, Media};
use super::schema::{Check, Schema};
use bytes::{Bytes, BytesMut};
use dropshot::Body;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Bytes that a text field of a multipart body may have.
const MAX_FIELD: usize = 1 << 20;
/// Parts that a multipart body may have.
const MAX_PARTS: usize = 1000;

/// Reads a whole body, up to its limit.
pub(super) async fn collect(body: Body, media: &'static Media) -> Result<Bytes, Failure> {
    let mut upload = Upload::new(body, media);
    let Some(first) = upload.chunk().await? else { return Ok(Bytes::new()) };
    // Most bodies come in one piece, which then need not be copied.
    let Some(second) = upload.chunk().await? else { return Ok(first) };
    let mut bytes = BytesMut::from(first);
    bytes.extend_from_slice(&second);
    while let Some(chunk) = upload.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// A body of bytes, read as it arrives.
#[derive(Debug)]
pub struct Upload {
    body: Body,
    left: u64,
    media: &'static Media,
}

impl Upload {
    pub(super) fn new(body: Body, media: &'static Media) -> Self {
        Upload { body, left: media.limit, media }
    }

    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// 413 beyond the documented limit, 400 when the caller stops half-way.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let Ok(data) = frame.map_err(|_| malformed("the body ended half-way"))?.into_data() else { continue };
            self.left = self.left.checked_sub(data.len() as u64).ok_or_else(|| too_large(self.media))?;
            return Ok(Some(data));
        }
    }
}

/// A `multipart/form-data` body: text fields are gathered, files are handed out as they arrive. The document says which
/// part is which: files are the properties of `format: binary`. Files that it does not declare are skipped.
///
/// Call [`Multipart::next_file`] until it gives nothing, then [`Multipart::finish`] for the fields.
pub struct Multipart<T> {
    parts: multer::Multipart<'static>,
    fields: Vec<(String, String)>,
    files: Vec<String>,
    seen: usize,
    media: &'static Media,
    schema: &'static Schema,
    fields_type: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Multipart<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multipart").field("files", &self.files).finish_non_exhaustive()
    }
}

/// A file part.
#[derive(Debug)]
pub struct FilePart {
    /// The name of the field.
    pub field: String,
    /// The name the caller gave the file; not to be trusted.
    pub file_name: Option<String>,
    /// The media type the caller gave; not to be trusted.
    pub content_type: Option<String>,
    part: multer::Field<'static>,
    media: &'static Media,
}

impl FilePart {
    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// 413 beyond the documented limit, 400 when the caller stops half-way.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        self.part.chunk().await.map_err(|error| failure(&error, self.media))
    }
}

fn failure(error: &multer::Error, media: &'static Media) -> Failure {
    match error {
        multer::Error::StreamReadFailed(inner) => match inner.downcast_ref::<Refused>() {
            Some(Refused(failure)) => failure.clone(),
            None => malformed("the body ended half-way"),
        },
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => too_large(media),
        _ => malformed("the body is not multipart/form-data as in RFC 7578"),
    }
}

/// Carries a failure through multer.
#[derive(Debug)]
struct Refused(Failure);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Refused {}

impl<T> Multipart<T> {
    pub(super) fn new(
        headers: &HeaderMap,
        body: Body,
        media: &'static Media,
        schema: &'static Schema,
    ) -> Result<Self, Failure> {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(content_type)
            .map_err(|_| malformed("`Content-Type` names no boundary of the parts"))?;
        let chunks = futures::stream::try_unfold(Upload::new(body, media), |mut upload| async move {
            match upload.chunk().await {
                Ok(chunk) => Ok(chunk.map(|chunk| (chunk, upload))),
                Err(failure) => Err(Refused(failure)),
            }
        });
        let parts = multer::Multipart::new(chunks, boundary);
        Ok(Multipart { parts, fields: Vec::new(), files: Vec::new(), seen: 0, media, schema, fields_type: PhantomData })
    }

    /// The next file; nothing when all parts are read. Text fields on the way are kept for [`Multipart::finish`].
    ///
    /// # Errors
    /// 400 when the body is not multipart, 413 when it is too long.
    pub async fn next_file(&mut self) -> Result<Option<FilePart>, Failure> {
        while let Some(part) = self.parts.next_field().await.map_err(|error| failure(&error, self.media))? {
            self.seen += 1;
            if self.seen > MAX_PARTS {
                return Err(malformed("the body has too many parts"));
            }
            let Some(field) = part.name().map(str::to_owned) else {
                return Err(malformed("a part has no name"));
            };
            let undeclared_file = || part.file_name().is_some();
            match is_file(self.schema, &field) {
                Some(true) => {
                    self.files.push(field.clone());
                    let file_name = part.file_name().map(str::to_owned);
                    let content_type = part.content_type().map(ToString::to_string);
                    return Ok(Some(FilePart { field, file_name, content_type, part, media: self.media }));
                }
                None if undeclared_file() => {
                    self.files.push(field);
                    continue;
                }
                _ => {}
            }
            self.text(field, part).await?;
        }
        Ok(None)
    }

    async fn text(&mut self, field: String, mut part: multer::Field<'static>) -> Result<(), Failure> {
        let mut text = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| failure(&error, self.media))? {
            if text.len() + chunk.len() > MAX_FIELD {
                return Err(Failure::new(FailureKind::TooLarge, format!("a text field may have {MAX_FIELD} bytes")));
            }
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(text).map_err(|_| malformed("a text field is not UTF-8"))?;
        self.fields.push((field, text));
        Ok(())
    }

    /// All fields of a body for which the document declares no files.
    pub(super) async fn fields(mut self) -> Result<Vec<(String, String)>, Failure> {
        while self.next_file().await?.is_some() {}
        Ok(self.fields)
    }
}

impl<T: DeserializeOwned> Multipart<T> {
    /// Reads what is left, and checks the fields and that every required file was there.
    ///
    /// # Errors
    /// 400 with all violations.
    pub async fn finish(mut self) -> Result<T, Failure> {
        while self.next_file().await?.is_some() {}
        let files = self.files.iter().map(|name| (name.clone(), Some(String::new())));
        let fields = std::mem::take(&mut self.fields).into_iter().map(|(name, text)| (name, Some(text)));
        let mut value = object(fields.chain(files), self.schema);
        let mut violations: Vec<Violation> = Vec::new();
        Check::new(Location::Body, "", &mut violations).value(&value, self.schema);
        if violations.is_empty() {
            // The handler has had the files; the type holds the other fields.
            if let Some(map) = value.as_object_mut() {
                map.retain(|name, _| !self.files.contains(name));
            }
            if let Ok(fields) = serde_json::from_value(value) {
                return Ok(fields);
            }
            Check::new(Location::Body, "", &mut violations).violation(Code::Type, "does not have the documented shape");
        }
        let message = "the request breaks documented constraints".to_owned();
        Err(Failure { kind: FailureKind::Invalid, message, violations })
    }
}
