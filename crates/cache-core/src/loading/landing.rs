//! What sees to it that each flight lands, however its task ends: done, panicked, aborted, or dropped before it ever ran.

use std::sync::Arc;

use super::error::{self, Fault};
use super::flight::{Flight, Landed};
use crate::cache::Cache;
use crate::error::CacheError;

/// Flights that land when it is dropped, if they have not landed before: their task was aborted, or its runtime ended.
pub(crate) struct Landing {
    cache: Cache,
    flights: Vec<Arc<Flight>>,
}

impl Landing {
    pub(crate) fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
            flights: Vec::new(),
        }
    }

    /// Takes a flight in charge. From here on until this is dropped, closing the cache ends it, on the table or not.
    pub(crate) fn add(&mut self, flight: &Arc<Flight>) {
        if !self.cache.loads().registry.take_off(flight) {
            flight.end_closed();
        }
        self.flights.push(Arc::clone(flight));
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Ends all flights that have not landed, without an answer.
    pub(crate) fn land(&self, fault: Fault, error: &CacheError) {
        for flight in self.flights.iter().filter(|flight| flight.landed().is_none()) {
            self.cache.loads().registry.end(flight, None, self.cache.now());
            let error = self.cache.load_context(&flight.key, error.clone());
            flight.land(Landed::Failed(fault, error));
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if self.flights.iter().any(|flight| flight.landed().is_none()) {
            self.land(Fault::Cancelled, &error::cancelled());
        }
        for flight in &self.flights {
            self.cache.loads().registry.touch_down(flight);
        }
    }
}
