//! Freeing what nobody is to find any more: entries whose time has ended, and what clears have hidden.

use crate::name::Sought;
use crate::store::{SLICE, Store};

impl Store {
    /// Frees every entry of a closed cache.
    pub(crate) fn free_all(&self) {
        self.ledger.ages().begin();
        self.free_hidden(|| false);
    }

    /// Frees what clears have hidden.
    pub(crate) fn free_hidden(&self, stopped: impl Fn() -> bool) {
        let Some(clears) = self.ledger.ages().unfreed() else {
            return;
        };
        for (done, (name, _)) in self.moka.iter().enumerate() {
            if done.is_multiple_of(SLICE) {
                self.settle();
                if stopped() {
                    return;
                }
            }
            let sought = name.sought();
            let _in_order = self.in_order(sought);
            if self
                .moka
                .get(&sought)
                .is_some_and(|stored| stored.life.age() != self.ledger.ages().current())
            {
                let _change = self.changes.begin(sought.hash);
                self.moka.invalidate(&sought);
            }
        }
        self.ledger.ages().note_freed(clears);
        self.settle();
    }

    /// Looks at up to `most` entries whose time may have ended, frees those that are over, and says how many it looked at.
    pub(crate) fn sweep(&self, most: usize) -> usize {
        for looked in 0..most {
            let Some((slot, key)) = self.ledger.first_due() else {
                return looked;
            };
            let sought = Sought::from(key.as_str());
            let _in_order = self.in_order(sought);
            // No write to this key runs now, so a slot that is still there is that of the entry in moka.
            if self.ledger.is_due(slot, &key) {
                let _change = self.changes.begin(sought.hash);
                self.moka.invalidate(&sought);
                self.ledger.put_off(slot, &key);
            }
        }
        most
    }
}
