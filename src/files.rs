//! Files that this server hosts: their bytes in an object store, what they belong to in the database.
//!
//! A handler takes the file of a request with [`Files::receive`], and in the transaction of [`Files::keep`] attaches it
//! to the row that refers to it ([`store::files::attach`](crate::store::files::attach)), which keeps an [`Attachment`].
//! A file that the server writes itself comes from [`Files::create`]. Whatever is not attached in the end is removed:
//! at once when its request fails, after a day when the server was killed meanwhile. Files of deleted rows are removed
//! by [`Files::sweep`], for which a handler asks with [`Files::sweep_soon`].

use crate::auth::{now, random};
use crate::error::{Error, Fault};
use crate::generated::client::types::{CreateExternalFileProperties, FileProperties};
use crate::generated::wire::{FileType, ValidationErrorCode};
use crate::hal::Urls;
use crate::store::files::{self, FileRow};
use crate::store::{Store, StoreError, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt as _};
use openapi_dropshot::runtime::{Failure, FailureKind, FilePart, Multipart};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

/// Bytes that are gathered before they go to the object store; S3 takes no smaller parts.
const PART: usize = 5 << 20;
/// Milliseconds after which an upload that nothing refers to is given up.
const UPLOAD_TIME: i64 = 24 * 60 * 60 * 1000;
/// Bytes that a display picture may have.
const IMAGE_LIMIT: u64 = 5 << 20;
/// Objects that a sweep takes at a time.
const SWEEP: i64 = 100;

/// The hosted files.
pub struct Files {
    objects: Arc<dyn ObjectStore>,
    /// The folder of the objects, where they are in one.
    folder: Option<PathBuf>,
    store: Store,
    limit: u64,
    sweep: Notify,
}

/// What a file of a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// Anything.
    Anything,
    /// A picture that every browser shows and none runs, told by its first bytes.
    Images,
}

/// A file as the row that refers to it keeps it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Attachment {
    /// One that is stored here.
    Hosted(Hosted),
    /// One that is stored elsewhere.
    External(CreateExternalFileProperties),
}

/// What is kept of a file that is stored here.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Hosted {
    key: String,
    name: String,
    #[serde(rename = "contentType")]
    content_type: String,
    size: i64,
}

impl From<&FileRow> for Attachment {
    fn from(file: &FileRow) -> Self {
        let FileRow { key, name, content_type, size } = file.clone();
        Attachment::Hosted(Hosted { key, name, content_type, size })
    }
}

impl Attachment {
    /// As a column keeps it.
    pub fn to_text(&self) -> String {
        // Texts and numbers can always be written as JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From a column that [`Attachment::to_text`] filled.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Where the file is.
    pub fn url(&self, urls: &Urls) -> String {
        match self {
            Attachment::Hosted(Hosted { key, name, .. }) => urls.file(key, name),
            Attachment::External(file) => file.url.clone(),
        }
    }

    /// The file as the wire has it.
    pub fn represent(self, urls: &Urls) -> FileProperties {
        let url = self.url(urls);
        match self {
            Attachment::Hosted(Hosted { name, content_type, size, .. }) => {
                FileProperties { type_: FileType::Hosted, url, name, content_type, size }
            }
            Attachment::External(CreateExternalFileProperties { name, content_type, size, .. }) => {
                FileProperties { type_: FileType::External, url, name, content_type, size }
            }
        }
    }
}

impl Files {
    /// Opens the place that holds the files: `file:FOLDER`, which is made if it is not there, `memory:`, or, in a program
    /// built with the feature `s3`, `s3://BUCKET/PREFIX` with what `AWS_…` in the environment says.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub fn open(place: &str, store: Store, limit: u64) -> Result<Self, String> {
        let mut folder = None;
        let objects: Arc<dyn ObjectStore> = match place.split_once(':') {
            Some(("memory", "")) => Arc::new(InMemory::new()),
            Some(("file", path)) if !path.is_empty() => {
                let path = path.strip_prefix("//").unwrap_or(path);
                let unusable = |error: &dyn std::fmt::Display| {
                    format!(
                        "the folder {path} for files cannot be used ({error}); mend it or choose another with --files"
                    )
                };
                make_folder(Path::new(path)).map_err(|error| unusable(&error))?;
                folder = Some(PathBuf::from(path));
                Arc::new(LocalFileSystem::new_with_prefix(path).map_err(|error| unusable(&error))?.with_fsync(true))
            }
            Some(("s3", bucket)) => bucket_store(bucket, place)?,
            _ => return Err(format!("{place} is no place for files: {PLACES}")),
        };
        Ok(Files { objects, folder, store, limit, sweep: Notify::new() })
    }

    /// Takes the file of a multipart body, and its other fields. The file belongs to nothing yet.
    ///
    /// # Errors
    /// 400 for what the document or `accepts` does not admit, 413 above the limit.
    pub async fn receive<T: DeserializeOwned>(
        &self,
        mut parts: Multipart<T>,
        accepts: Accepts,
    ) -> Result<(FileRow, T), Error> {
        let Some(part) = parts.next_file().await? else {
            parts.finish().await?;
            return Err(Fault::new("file", ValidationErrorCode::MissingField, "a part named file is needed").into());
        };
        let file = self.receive_part(part, accepts).await?;
        match parts.finish().await {
            Ok(fields) => Ok((file, fields)),
            Err(failure) => {
                self.remove(&file.key).await;
                Err(failure.into())
            }
        }
    }

    async fn receive_part(&self, mut part: FilePart, accepts: Accepts) -> Result<FileRow, Error> {
        let mut beginning = Vec::new();
        let mut limit = self.limit;
        let content_type = match accepts {
            Accepts::Anything => plain_type(part.content_type.as_deref()),
            Accepts::Images => {
                limit = limit.min(IMAGE_LIMIT);
                while beginning.len() < SIGNATURE
                    && let Some(chunk) = part.chunk().await?
                {
                    beginning.extend_from_slice(&chunk);
                }
                let kind = image_type(&beginning).ok_or_else(|| {
                    Fault::new("file", ValidationErrorCode::Invalid, "send a GIF, JPEG, PNG or WebP picture")
                })?;
                kind.to_owned()
            }
        };
        let mut writer = self.create(plain_name(part.file_name.as_deref()), content_type).await?;
        let mut next = Some(Bytes::from(beginning));
        while let Some(chunk) = next {
            if writer.size() + chunk.len() as u64 > limit {
                let message = format!("this file may have {limit} bytes");
                return Err(Failure::new(FailureKind::TooLarge, message).into());
            }
            writer.write(chunk).await?;
            next = part.chunk().await?;
        }
        writer.finish().await
    }

    /// Begins a file.
    ///
    /// # Errors
    /// When the database cannot note it.
    pub async fn create(&self, name: String, content_type: String) -> Result<FileWriter, Error> {
        let key = URL_SAFE_NO_PAD.encode(random::<24>());
        let announced = key.clone();
        self.store.write(move |tx| files::announce(tx, &announced, now() + UPLOAD_TIME)).await?;
        let buffer = BufWriter::with_capacity(Arc::clone(&self.objects), Location::from(key.as_str()), PART);
        // Two parts on their way keep the object store busy, and bound what an upload takes of the memory.
        let buffer = Some(buffer.with_max_concurrency(2));
        Ok(FileWriter { buffer, file: FileRow { key, name, content_type, size: 0 }, store: self.store.clone() })
    }

    /// Runs the transaction that attaches a file; if it does not, the file is removed.
    ///
    /// # Errors
    /// Those of the transaction.
    pub async fn keep<T, F>(&self, file: FileRow, transaction: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>, &FileRow) -> Result<Result<T, Error>, StoreError> + Send + 'static,
    {
        let key = file.key.clone();
        let outcome = self.store.write(move |tx| transaction(tx, &file)).await;
        if !matches!(outcome, Ok(Ok(_))) {
            self.remove(&key).await;
        }
        outcome?
    }

    /// The bytes of a file as they come.
    ///
    /// # Errors
    /// When the object store cannot give them.
    pub async fn read(&self, key: &str) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Error> {
        Ok(self.objects.get(&Location::from(key)).await?.into_stream())
    }

    /// Has the files of deleted rows removed now rather than within the minute.
    pub fn sweep_soon(&self) {
        self.sweep.notify_one();
    }

    /// Removes the files of deleted rows for as long as the server runs.
    pub async fn keep_swept(&self) {
        let mut minutes = tokio::time::interval(Duration::from_secs(60));
        loop {
            tokio::select! {
                _ = minutes.tick() => {}
                () = self.sweep.notified() => {}
            }
            self.sweep().await;
        }
    }

    /// Removes every object that is due. What cannot be removed stays listed.
    pub async fn sweep(&self) {
        loop {
            let keys = match self.store.read(|tx| files::due(tx, now(), SWEEP)).await {
                Ok(keys) => keys,
                Err(error) => return tracing::warn!(%error, "files without an owner stay for now"),
            };
            let mut all = true;
            for key in &keys {
                all &= self.remove(key).await;
            }
            if keys.is_empty() || !all {
                return;
            }
        }
    }

    /// Removes an object that nothing refers to, and says whether it is gone.
    async fn remove(&self, key: &str) -> bool {
        match self.objects.delete(&Location::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => {
                tracing::warn!(%error, "a file without an owner stays for now");
                return false;
            }
        }
        if let Some(folder) = &self.folder {
            // Where the server was killed during an upload, its bytes lie beside the object that was to be. The name is
            // the one that `LocalFileSystem` gives them; that they are mostly not there is no matter.
            let _ = tokio::fs::remove_file(folder.join(format!("{key}#1"))).await;
        }
        let key = key.to_owned();
        match self.store.write(move |tx| files::removed(tx, &key)).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a removed file stays listed for now");
                false
            }
        }
    }
}

/// A file that is being written. Dropped before [`FileWriter::finish`], it leaves nothing.
pub struct FileWriter {
    buffer: Option<BufWriter>,
    file: FileRow,
    store: Store,
}

impl FileWriter {
    /// How many bytes were written.
    pub fn size(&self) -> u64 {
        self.file.size.unsigned_abs()
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the object store does not take them.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.file.size += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        match &mut self.buffer {
            Some(buffer) if !bytes.is_empty() => Ok(buffer.put(bytes).await?),
            _ => Ok(()),
        }
    }

    /// Makes the bytes durable. The file belongs to nothing until [`Files::keep`].
    ///
    /// # Errors
    /// When the object store does not keep them.
    pub async fn finish(mut self) -> Result<FileRow, Error> {
        if let Some(mut buffer) = self.buffer.take() {
            buffer
                .shutdown()
                .await
                .map_err(|source| object_store::Error::Generic { store: "files", source: Box::new(source) })?;
        }
        Ok(self.file.clone())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        let (Some(mut buffer), Ok(runtime)) = (self.buffer.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let (key, store) = (std::mem::take(&mut self.file.key), self.store.clone());
        runtime.spawn(async move {
            let aborted = buffer.abort().await;
            let forgotten = store.write(move |tx| files::removed(tx, &key));
            // Else the next sweep after its time removes it.
            if let Err(error) = aborted.map_err(Error::from).and(forgotten.await.map_err(Error::from)) {
                tracing::warn!(?error, "half an upload stays for now");
            }
        });
    }
}

const PLACES: &str = "write file:FOLDER, s3://BUCKET/PREFIX, or memory: to keep nothing";

/// The folder is the server's alone: who may read a file is decided by its address.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(feature = "s3")]
fn bucket_store(bucket: &str, place: &str) -> Result<Arc<dyn ObjectStore>, String> {
    use object_store::aws::AmazonS3Builder;
    use object_store::prefix::PrefixStore;
    let prefix = bucket.trim_start_matches('/').split_once('/').map_or("", |(_, prefix)| prefix);
    // The store's own credentials come by the names that every S3 tool reads.
    let objects = AmazonS3Builder::from_env().with_url(place).build();
    let objects = objects.map_err(|error| format!("{place} cannot be used for files: {error}"))?;
    Ok(Arc::new(PrefixStore::new(objects, prefix)))
}

#[cfg(not(feature = "s3"))]
fn bucket_store(_: &str, place: &str) -> Result<Arc<dyn ObjectStore>, String> {
    Err(format!("{place} needs a program built with `--features s3`; this one was built without"))
}

/// Bytes that tell a picture's type.
const SIGNATURE: usize = 12;

/// The media type of a picture, by its first bytes.
fn image_type(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// Whether a browser may show files of this type rather than save them.
pub fn is_shown(content_type: &str) -> bool {
    matches!(content_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
}

/// The media type without its parameters, or the one that says nothing.
fn plain_type(given: Option<&str>) -> String {
    let essence = given.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let is_type = essence.split_once('/').is_some_and(|(main, sub)| is_name(main) && is_name(sub));
    if is_type && essence.len() <= 255 { essence } else { "application/octet-stream".to_owned() }
}

/// A name that can stand in an address and in a folder: no path, nothing that is not seen or turns the text round.
fn plain_name(given: Option<&str>) -> String {
    let last = given.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let is_seen = |c: &char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    let name: String = last.chars().filter(is_seen).take(255).collect();
    match name.trim() {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}
