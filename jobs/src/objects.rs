//! Uploaded files: streamed in, hashed on the way, streamed out.

use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::bucket::{Bucket, BucketError};

/// What can go wrong with an upload or its file.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The object store did not do its part.
    #[error("the object store failed: {0}")]
    Store(#[from] object_store::Error),
    /// The folder of the object store could not be made or looked into.
    #[error("the folder of uploads cannot be used: {0}")]
    Folder(io::Error),
    /// The bucket cannot be used as it is configured.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The upload broke off.
    #[error("the upload broke off: {0}")]
    Upload(String),
    /// The upload is larger than allowed.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
}

/// A file that has arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where its bytes are.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// Where uploaded files live; shared by every daemon and worker.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The folder behind the store, if one is.
    folder: Option<PathBuf>,
}

impl Objects {
    /// A folder as object store; made if it does not exist.
    pub fn folder(path: &Path) -> Result<Self, ObjectError> {
        // People's birth dates are in there: nobody else on the machine needs to read them.
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(ObjectError::Folder)?;
        // An upload that was answered survives a power cut, as its row does.
        let store = Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true));
        Ok(Self { store, folder: Some(path.to_owned()) })
    }

    /// A bucket of an S3-compatible store. Nothing is asked of it before it is used.
    pub fn bucket(bucket: &Bucket) -> Result<Self, ObjectError> {
        Ok(Self { store: bucket.store()?, folder: None })
    }

    /// The files under a folder that are older than `than`, in a stream.
    pub fn older(&self, folder: &str, than: DateTime<Utc>) -> BoxStream<'static, Result<String, ObjectError>> {
        let listed = self.store.list(Some(&Key::from(folder)));
        let old = listed.try_filter_map(move |file| async move {
            Ok((file.last_modified < than).then(|| file.location.to_string()))
        });
        old.map_err(ObjectError::Store).boxed()
    }

    /// Removes what is left under a folder of uploads whose daemon was killed before their last byte, where nothing was
    /// added since `than`. Answers how many files that were.
    ///
    /// Such a file is not listed: `object_store` writes an upload to `name#number` and renames it when it is whole.
    /// Buckets have a rule of their own for uploads that were not completed.
    pub async fn remove_partial(&self, folder: &str, than: DateTime<Utc>) -> Result<usize, ObjectError> {
        let Some(root) = &self.folder else { return Ok(0) };
        let (folder, than) = (root.join(folder), SystemTime::from(than));
        let removed = tokio::task::spawn_blocking(move || remove_partial(&folder, than));
        removed.await.map_err(io::Error::other).flatten().map_err(ObjectError::Folder)
    }

    /// Streams an upload into the store, hashing it on the way. What has arrived of an upload that breaks off or
    /// is too large is dropped.
    pub async fn put<E: std::fmt::Display>(
        &self,
        key: &str,
        limit: u64,
        mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Stored, ObjectError> {
        let mut upload = WriteMultipart::new(self.store.put_multipart(&Key::from(key)).await?);
        let (mut size, mut hash) = (0u64, Sha256::new());
        while let Some(chunk) = bytes.next().await {
            let problem = match chunk {
                Ok(chunk) => {
                    size += chunk.len() as u64;
                    if size <= limit {
                        hash.update(&chunk);
                        upload.wait_for_capacity(1).await?;
                        upload.write(&chunk);
                        continue;
                    }
                    ObjectError::TooLarge { limit }
                }
                Err(error) => ObjectError::Upload(error.to_string()),
            };
            upload.abort().await?;
            return Err(problem);
        }
        upload.finish().await?;
        Ok(Stored { key: key.to_owned(), size, sha256: workbench_engine::log::hex(&hash.finalize()) })
    }

    /// Removes a file. One that is gone already has been removed.
    pub async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        match self.store.delete(&Key::from(key)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    /// How many bytes a file has; none where there is no such file.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, ObjectError> {
        match self.store.head(&Key::from(key)).await {
            Ok(file) => Ok(Some(file.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for a thread that may block.
    pub async fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, ObjectError> {
        let found = self.store.get(&Key::from(key)).await?;
        Ok(match found.payload {
            GetResultPayload::File(file, _) => Box::new(file),
            GetResultPayload::Stream(stream) => {
                Box::new(SyncIoBridge::new(StreamReader::new(stream.map_err(io::Error::other))))
            }
        })
    }
}

fn remove_partial(folder: &Path, than: SystemTime) -> io::Result<usize> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.rsplit_once('#')).map_or("", |(_, number)| number);
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let gone = entry
            .metadata()
            .and_then(|file| file.modified())
            .and_then(|written| if written < than { std::fs::remove_file(entry.path()).map(|()| 1) } else { Ok(0) });
        removed += match gone {
            // Its upload has ended, or another process was first.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
    }
    Ok(removed)
}
