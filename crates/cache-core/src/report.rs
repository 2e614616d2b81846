//! What the handle adds to an error, and whom it tells of it.

use crate::cache::Cache;
use crate::error::CacheError;
use crate::key::Key;
use crate::operation::Operation;

impl Cache {
    /// Adds to an error of a backend what this handle knows, and tells the observers that a caller gets it.
    #[cold]
    pub(crate) fn context(
        &self,
        operation: Operation,
        key: Option<Key<'_>>,
        error: CacheError,
    ) -> CacheError {
        let error = error.with_context(operation, &self.shared().name, key);
        for observer in &self.shared().observers {
            observer.returned(operation, &error);
        }
        error
    }

    /// Adds to an error of this handle what it knows, and tells the observers, since no layer sees it.
    #[cold]
    pub(crate) fn report(&self, operation: Operation, key: Option<Key<'_>>, error: CacheError) -> CacheError {
        let error = self.context(operation, key, error);
        for observer in &self.shared().observers {
            observer.failed(operation, &error);
        }
        error
    }
}
