//! A flight of the model, and who waits for it.

use shuttle::sync::{Arc, Condvar, Mutex};

use super::super::fences::Flying;

#[derive(Clone)]
pub(super) struct Ship {
    pub(super) id: u64,
    /// The generation of the tag when it took off.
    pub(super) began: u64,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Clone, Copy)]
enum Landed {
    Brought(u64),
    GivenUp,
}

#[derive(Default)]
struct State {
    waiting: usize,
    gone: bool,
    landed: Option<Landed>,
}

impl Flying for Ship {
    fn id(&self) -> u64 {
        self.id
    }

    fn key(&self) -> std::sync::Arc<str> {
        "key".into()
    }
}

impl Ship {
    pub(super) fn new(id: u64, began: u64) -> Self {
        Self {
            id,
            began,
            state: Arc::default(),
        }
    }

    pub(super) fn join(&self) {
        self.state.0.lock().unwrap().waiting += 1;
    }

    /// Takes a caller away and says whether it was the last.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.state.0.lock().unwrap();
        state.waiting -= 1;
        state.waiting == 0
    }

    /// The first end counts.
    pub(super) fn land(&self, value: u64) {
        self.end(Landed::Brought(value));
    }

    fn end(&self, landed: Landed) {
        self.state.0.lock().unwrap().landed.get_or_insert(landed);
        self.state.1.notify_all();
    }

    pub(super) fn give_up(&self) {
        self.state.0.lock().unwrap().gone = true;
        self.end(Landed::GivenUp);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.state.0.lock().unwrap().gone
    }

    /// Waits for its end. Returns nothing if it was given up.
    pub(super) fn wait(&self) -> Option<u64> {
        let mut state = self.state.0.lock().unwrap();
        loop {
            match state.landed {
                Some(Landed::Brought(value)) => return Some(value),
                Some(Landed::GivenUp) => return None,
                None => {}
            }
            state = self.state.1.wait(state).unwrap();
        }
    }
}
