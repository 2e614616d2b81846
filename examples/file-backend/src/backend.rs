//! The backend: entries in the stored form, one file each, in a folder that belongs to the cache alone. It answers at
//! once, from the page cache as a rule; one for slow disks would hand its work to threads.

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cache_core::envelope::{self, Opened};
use cache_core::{BackendStats, CacheBackend, CacheError, CacheFuture, Clock, Codec, Entry, Key, Result};
use cache_core::{KeyFingerprint, Namespace};

use crate::config::FileOptions;
use crate::error::{self, failed, unless_absent};

/// Entries in files.
#[derive(Debug)]
pub struct FileBackend {
    folder: PathBuf,
    namespace: Namespace,
    codec: Codec,
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
    /// Held by whoever changes files, so that a delete removes what it saw.
    changing: Mutex<()>,
}

impl FileBackend {
    /// Makes the folder.
    ///
    /// # Errors
    /// [`InvalidConfig`](cache_core::ErrorKind::InvalidConfig) if it cannot be made.
    pub fn open(options: &FileOptions, codec: Codec, clock: Arc<dyn Clock>) -> Result<Self> {
        fs::create_dir_all(&options.folder).map_err(error::no_folder)?;
        Ok(Self {
            folder: options.folder.clone(),
            namespace: Namespace::new("file")?,
            codec,
            clock,
            closed: AtomicBool::new(false),
            changing: Mutex::new(()),
        })
    }

    /// Answers, unless the cache is closed.
    fn answer<T>(&self, work: impl FnOnce() -> Result<T>) -> CacheFuture<'static, T> {
        let closed = self.closed.load(Ordering::Acquire);
        CacheFuture::ready(if closed { Err(CacheError::closed()) } else { work() })
    }

    fn each<I, T>(
        &self,
        all: Vec<I>,
        one: impl FnMut(I) -> Result<T>,
    ) -> CacheFuture<'static, Vec<Result<T>>> {
        self.answer(|| Ok(all.into_iter().map(one).collect()))
    }

    /// Two keys may share a file. The stored form holds a fingerprint of the key, so that is a miss and no wrong value.
    fn path(&self, key: Key<'_>) -> PathBuf {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
        self.folder.join(format!("{hash:016x}"))
    }

    fn read(&self, key: Key<'_>) -> Result<Option<Entry>> {
        let fingerprint = KeyFingerprint::new(&self.namespace, key);
        let stored = unless_absent(fs::read(self.path(key)))?;
        match stored.map(|stored| envelope::open(Bytes::from(stored), fingerprint)) {
            Some(Ok(Opened::Entry(entry))) if !entry.is_expired(self.clock.coarse()) => Ok(Some(entry)),
            _ => Ok(None),
        }
    }

    fn write(&self, key: Key<'_>, entry: &Entry) -> Result<()> {
        if entry.is_expired(self.clock.now()) {
            return self.remove(key).map(drop);
        }
        let payload = entry.value().payload(&self.codec)?;
        let bytes = envelope::seal(entry, &payload, KeyFingerprint::new(&self.namespace, key))?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // Renaming is one step, so nobody reads half a file.
        let new = self.folder.join("new");
        fs::write(&new, bytes).map_err(failed)?;
        fs::rename(new, self.path(key)).map_err(failed)
    }

    fn remove(&self, key: Key<'_>) -> Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let lived = self.read(key)?.is_some();
        unless_absent(fs::remove_file(self.path(key)))?;
        Ok(lived)
    }

    fn remove_all(&self) -> Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        for file in fs::read_dir(&self.folder).map_err(failed)? {
            unless_absent(fs::remove_file(file.map_err(failed)?.path()))?;
        }
        Ok(())
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
        self.each(keys, |key| self.read(key))
    }
    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.each(entries, |(key, entry)| self.write(key, &entry))
    }
    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.each(keys, |key| self.remove(key))
    }
    fn clear(&self) -> CacheFuture<'_, ()> {
        self.answer(|| self.remove_all())
    }
    fn stats(&self) -> BackendStats {
        BackendStats::default()
    }
    fn ping(&self) -> CacheFuture<'_, ()> {
        self.answer(|| fs::metadata(&self.folder).map(drop).map_err(failed))
    }
    fn close(&self) -> CacheFuture<'_, ()> {
        self.closed.store(true, Ordering::Release);
        CacheFuture::ready(Ok(()))
    }
}
