//! Objects of a bucket: which there are, and their contents in the version that was listed.

use std::{
    collections::HashSet,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher as _},
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::{Bytes, BytesMut};
use mcp_aws::{Client, Error, ErrorKind, Page, Request, service};
use serde::Deserialize;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::location::Location;
use crate::{LoadError, load};

/// An object, as a listing has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
    /// The version: it changes with the content.
    #[serde(rename = "ETag")]
    pub(super) etag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(default)]
    contents: Vec<Object>,
    next_continuation_token: Option<String>,
}

impl Page for Listing {
    const TOKEN: &'static str = "continuation-token";

    fn next_token(&mut self) -> Option<String> {
        self.next_continuation_token.take()
    }
}

/// Why an object could not be read.
pub(super) enum Failed {
    /// It is not there any more, or is another: a new listing says what is.
    Changed,
    Error(LoadError),
}

/// Lists sales data and its format, by key.
pub(super) async fn list(client: &Client, at: &Location) -> Result<Vec<Object>, LoadError> {
    let request = Request::rest(&service::S3, "ListObjectsV2", "GET", "/")
        .allowed_by("s3:ListBucket")
        .bucket(&*at.bucket)
        .with("list-type", 2)
        .with("prefix", at.prefix.as_str());
    let mut pages = client.pages::<Listing>(request);
    let mut objects = Vec::new();
    while let Some(page) = pages.next().await.map_err(|error| refused(at, error))? {
        objects.extend(page.contents.into_iter().filter(|object| {
            let name = object.key.rsplit('/').next().unwrap_or_default();
            let hidden = name.starts_with(['.', '_']);
            // One object may have any name: what it is shows in its first bytes.
            !hidden
                && (load::is_sales(name) || name == load::FORMAT_FILE || object.key == at.prefix)
                && !name.is_empty()
        }));
    }
    objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok(objects)
}

/// An object's contents: in memory, or in a file, which stays open as another process may delete it.
pub(super) enum Fetched {
    Memory(Bytes),
    File(File),
}

/// Reads an object in the version that was listed, into memory or into a folder. `done` counts its
/// bytes.
pub(super) async fn fetch(
    client: &Client,
    at: &Location,
    object: &Object,
    folder: Option<&Path>,
    done: &AtomicU64,
) -> Result<Fetched, Failed> {
    let name = format!("s3://{}/{}", at.bucket, object.key);
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        Failed::Error(LoadError::io(&name, None, error))
    };
    let path = folder.map(|folder| folder.join(file_name(at, object)));
    if let Some(path) = &path
        && let Ok(file) = tokio::fs::File::open(path).await
        && file.metadata().await.is_ok_and(|file| file.len() == object.size)
    {
        done.fetch_add(object.size, Ordering::Relaxed);
        return Ok(Fetched::File(file.into_std().await));
    }
    let request = Request::rest(&service::S3, "GetObject", "GET", "/")
        .bucket(&*at.bucket)
        .key(&object.key)
        .header("if-match", object.etag.as_str());
    let answer = client.stream(request).await.map_err(|error| match error.status() {
        Some(404 | 412) => Failed::Changed,
        _ => Failed::Error(refused(at, error)),
    })?;
    let mut body = answer.into_body();
    let mut memory = BytesMut::new();
    let mut file = None;
    // Under its own name only once it is whole.
    let part =
        path.as_ref().map(|path| path.with_extension(format!("part-{}", std::process::id())));
    if let Some(part) = &part {
        let mut open = tokio::fs::File::options();
        let open = open.read(true).write(true).create(true).truncate(true).open(part);
        file = Some(open.await.map_err(|error| broken(error.into()))?);
    }
    let mut read = 0;
    loop {
        let chunk = match body.next().await {
            None => break,
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Err(broken(error.into())),
        };
        read += chunk.len() as u64;
        done.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        match &mut file {
            Some(file) => file.write_all(&chunk).await.map_err(|error| broken(error.into()))?,
            None => memory.extend_from_slice(&chunk),
        }
    }
    if read != object.size {
        let message = format!("the object ended after {read} of {} bytes", object.size);
        return Err(broken(io::Error::new(io::ErrorKind::UnexpectedEof, message).into()));
    }
    match (path, part, file) {
        (Some(path), Some(part), Some(mut file)) => {
            let finish = async {
                file.flush().await?;
                file.rewind().await?;
                tokio::fs::rename(&part, &path).await?;
                Ok::<_, io::Error>(file.into_std().await)
            };
            finish.await.map(Fetched::File).map_err(|error| broken(error.into()))
        }
        _ => Ok(Fetched::Memory(memory.freeze())),
    }
}

/// Deletes from a folder what was kept of this location before: other versions, and objects that are
/// gone. Who reads them has them open; what cannot be deleted stays.
pub(super) async fn keep_only(folder: &Path, at: &Location, objects: &[Object]) -> io::Result<()> {
    let prefix = file_prefix(at);
    let kept: HashSet<String> = objects.iter().map(|object| file_name(at, object)).collect();
    let mut files = tokio::fs::read_dir(folder).await?;
    while let Some(file) = files.next_entry().await? {
        let name = file.file_name();
        let old = name.to_str().is_some_and(|name| {
            // What is being written has another ending.
            name.starts_with(&prefix) && !name.contains('.') && !kept.contains(name)
        });
        if old && let Err(error) = tokio::fs::remove_file(file.path()).await {
            tracing::debug!(%error, file = %file.path().display(), "an old version stays");
        }
    }
    Ok(())
}

/// The name of a file for this version of an object alone.
pub(super) fn file_name(at: &Location, object: &Object) -> String {
    format!("{}{:016x}", file_prefix(at), hash((&object.key, &object.etag, object.size)))
}

/// What the names of all files of a location begin with.
fn file_prefix(at: &Location) -> String {
    format!("sales-{:016x}-", hash((&at.bucket, &at.prefix)))
}

/// The same in every process of a build, which is as long as the files are of use.
fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What a refusal of S3 means for whoever runs the server.
fn refused(at: &Location, error: Error) -> LoadError {
    let name = at.to_string();
    let expected =
        |expected: String, found: &str| LoadError::refused(&name, expected, found.to_owned());
    match (error.status(), error.code(), error.kind()) {
        // Elsewhere is told by a redirection, or by the signature being for another region.
        (Some(301 | 307), _, _)
        | (
            _,
            Some(
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
            ),
            _,
        ) => {
            let said = error.message().unwrap_or("it is in another region").to_owned();
            expected("the bucket in the region that is configured (AWS_REGION)".to_owned(), &said)
        }
        (_, Some("NoSuchBucket"), _) => expected("a bucket of that name".to_owned(), "none"),
        (_, _, ErrorKind::AccessDenied) => {
            let action = error.action().to_owned();
            expected(format!("permission for {action}"), "access denied")
        }
        _ => LoadError::io(&name, None, error),
    }
}
