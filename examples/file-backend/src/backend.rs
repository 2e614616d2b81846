//! The backend: entries in the stored form, one file each, in a folder that belongs to the cache alone. It does one thing
//! at a time and answers at once, from the page cache as a rule; one for slow disks would hand its work to threads.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use cache_core::envelope::{self, Opened};
use cache_core::{BackendStats, CacheBackend, CacheError, CacheFuture, Clock, Codec, Entry, Key, Result};
use cache_core::{ErrorKind, KeyFingerprint, Namespace};
use serde::Deserialize;

/// What stands in the section `options` of a cache whose backend is `file`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileOptions {
    /// The folder for the files. It is made if it is not there, and clearing the cache empties it.
    pub folder: PathBuf,
}

/// Entries in files.
#[derive(Debug)]
pub struct FileBackend {
    folder: PathBuf,
    namespace: Namespace,
    codec: Codec,
    clock: Arc<dyn Clock>,
    /// Whether it is closed. Held while anything is done, so that a delete removes what it saw.
    closed: Mutex<bool>,
}

impl FileBackend {
    /// Makes the folder.
    ///
    /// # Errors
    /// [`Backend`](cache_core::ErrorKind::Backend) if it cannot be made.
    pub fn open(options: FileOptions, codec: Codec, clock: Arc<dyn Clock>) -> Result<Self> {
        fs::create_dir_all(&options.folder).map_err(failed)?;
        Ok(Self {
            folder: options.folder,
            namespace: Namespace::new("file")?,
            codec,
            clock,
            closed: Mutex::new(false),
        })
    }

    /// Answers, unless the cache is closed.
    fn answer<T>(&self, work: impl FnOnce() -> Result<T>) -> CacheFuture<'static, T> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        CacheFuture::ready(if *closed {
            Err(CacheError::closed())
        } else {
            work()
        })
    }

    /// Two keys may share a file. The stored form holds a fingerprint of the key, so that is a miss and no wrong value.
    fn path(&self, key: Key<'_>) -> PathBuf {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        self.folder.join(format!("{hash:016x}"))
    }

    fn read(&self, key: Key<'_>) -> Result<Option<Entry>> {
        let stored = unless_absent(fs::read(self.path(key)))?;
        let fingerprint = KeyFingerprint::new(&self.namespace, key);
        match stored.map(|stored| envelope::open(stored.into(), fingerprint)) {
            Some(Ok(Opened::Entry(entry))) if !entry.is_expired(self.clock.now()) => Ok(Some(entry)),
            _ => Ok(None),
        }
    }

    fn write(&self, key: Key<'_>, entry: &Entry) -> Result<()> {
        let payload = entry.value().payload(&self.codec)?;
        let bytes = envelope::seal(entry, &payload, KeyFingerprint::new(&self.namespace, key))?;
        // Renaming is one step, so nobody finds half a file after a crash.
        let new = self.folder.join("new");
        fs::write(&new, bytes).map_err(failed)?;
        fs::rename(new, self.path(key)).map_err(failed)
    }

    fn remove(&self, key: Key<'_>) -> Result<bool> {
        let lived = self.read(key)?.is_some();
        Ok(unless_absent(fs::remove_file(self.path(key)))?.is_some() && lived)
    }
}

fn failed(cause: io::Error) -> CacheError {
    let message = "a file of options.folder cannot be used; look at the rights and the room there";
    CacheError::new(ErrorKind::Backend, message).with_source(cause)
}

/// Returns what was done, or nothing if there is no such file.
fn unless_absent<T>(done: io::Result<T>) -> Result<Option<T>> {
    match done {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some).map_err(failed),
    }
}

impl CacheBackend for FileBackend {
    fn kind(&self) -> &'static str {
        "file"
    }
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }
    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.answer(|| self.read(key))
    }
    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.answer(|| self.write(key, &entry))
    }
    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.answer(|| self.remove(key))
    }
    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.answer(|| Ok(self.read(key)?.is_some()))
    }
    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.answer(|| Ok(keys.into_iter().map(|key| self.read(key)).collect()))
    }
    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        let write = |(key, entry)| self.write(key, &entry);
        self.answer(|| Ok(entries.into_iter().map(write).collect()))
    }
    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.answer(|| Ok(keys.into_iter().map(|key| self.remove(key)).collect()))
    }
    fn clear(&self) -> CacheFuture<'_, ()> {
        self.answer(|| {
            for file in fs::read_dir(&self.folder).map_err(failed)? {
                unless_absent(fs::remove_file(file.map_err(failed)?.path()))?;
            }
            Ok(())
        })
    }
    fn stats(&self) -> BackendStats {
        BackendStats::default()
    }
    fn ping(&self) -> CacheFuture<'_, ()> {
        self.answer(|| fs::metadata(&self.folder).map(drop).map_err(failed))
    }
    fn close(&self) -> CacheFuture<'_, ()> {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        CacheFuture::ready(Ok(()))
    }
}
