//! The ends of entries in order of time, so that those that are over can be freed without looking at the others.
//!
//! Each entry that ends has one slot here, from before it is stored until it is removed. Slots of one tick hang
//! together in a list, so adding and removing cost the same however many entries there are. While a tick runs its list is
//! sorted by the millisecond, some slots at a time. Slots are found by key as well, since moka shows an entry only to a
//! reader that counts as a use.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use cache_core::Timestamp;
use compact_str::CompactString;
use foldhash::quality::RandomState;
use hashbrown::HashTable;

/// How long a tick is, as a power of two of milliseconds: 16 ms.
const TICK_BITS: u32 = 4;
/// How many slots of the tick that runs are sorted at a time, so that a look at the table is short however many entries end
/// at once. What is not sorted yet is due at the latest when the tick has passed.
const SORTED_AT_ONCE: usize = 64;

/// The number of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// The slot of an entry that does not end.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Returns the number, for tables beside this one.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Node {
    /// The key, empty while the slot is free.
    key: CompactString,
    due: Timestamp,
    /// The neighbours in the list of the tick or of the millisecond, or the next free slot.
    before: Slot,
    next: Slot,
}

/// The ends of all entries of a cache that end.
#[derive(Debug)]
pub(crate) struct Deadlines {
    nodes: Vec<Node>,
    free: Slot,
    by_key: HashTable<Slot>,
    hasher: RandomState,
    /// The first slot of each tick that has one.
    ticks: BTreeMap<u64, Slot>,
    /// The first slot of each millisecond that has one, of those that are sorted.
    sorted: BTreeMap<Timestamp, Slot>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            free: Slot::NONE,
            by_key: HashTable::new(),
            hasher: RandomState::default(),
            ticks: BTreeMap::new(),
            sorted: BTreeMap::new(),
        }
    }
}

impl Deadlines {
    /// Writes down when an entry ends. Beyond four thousand million entries it is left out: such an entry is a miss
    /// when it is over, but stays in memory until it is evicted.
    pub(crate) fn add(&mut self, key: CompactString, due: Timestamp) -> Slot {
        let hash = self.hasher.hash_one(key.as_str());
        let slot = self.take_slot(Node {
            key,
            due,
            before: Slot::NONE,
            next: Slot::NONE,
        });
        if slot != Slot::NONE {
            self.link(slot);
            let Self {
                nodes,
                hasher,
                by_key,
                ..
            } = self;
            by_key.insert_unique(hash, slot, |slot| {
                hasher.hash_one(nodes[slot.index()].key.as_str())
            });
        }
        slot
    }

    /// Finds an entry that ends by its key.
    pub(crate) fn find(&self, key: &str) -> Option<(Slot, Timestamp)> {
        let hash = self.hasher.hash_one(key);
        let slot = *self
            .by_key
            .find(hash, |slot| self.nodes[slot.index()].key == key)?;
        Some((slot, self.nodes[slot.index()].due))
    }

    /// Strikes out an entry.
    pub(crate) fn remove(&mut self, slot: Slot) {
        if self
            .nodes
            .get(slot.index())
            .is_none_or(|node| node.key.is_empty())
        {
            return;
        }
        self.unlink(slot);
        let hash = self.hasher.hash_one(self.nodes[slot.index()].key.as_str());
        if let Ok(found) = self.by_key.find_entry(hash, |found| *found == slot) {
            found.remove();
        }
        let free = self.free;
        let node = &mut self.nodes[slot.index()];
        node.key = CompactString::const_new("");
        node.next = free;
        self.free = slot;
    }

    /// Moves an entry to another point in time, if the slot is still that of the key.
    pub(crate) fn postpone(&mut self, slot: Slot, key: &str, due: Timestamp) {
        if self.nodes.get(slot.index()).is_some_and(|node| node.key == key) {
            self.unlink(slot);
            self.nodes[slot.index()].due = due;
            self.link(slot);
        }
    }

    /// Says whether the slot belongs to this key and is due. Slots are used again: one that was due a moment ago may now
    /// be that of another entry, of the same key even.
    pub(crate) fn is_due(&self, slot: Slot, key: &str, now: Timestamp) -> bool {
        self.nodes
            .get(slot.index())
            .is_some_and(|node| node.key == key && node.due <= now)
    }

    /// Returns an entry that is due, if there is one.
    pub(crate) fn first_due(&mut self, now: Timestamp) -> Option<(Slot, CompactString)> {
        let slot = self.first_of_a_passed_tick(now).or_else(|| {
            self.sort(now);
            let (due, slot) = self.sorted.first_key_value()?;
            (*due <= now).then_some(*slot)
        })?;
        let node = self.nodes.get(slot.index())?;
        Some((slot, node.key.clone()))
    }

    fn first_of_a_passed_tick(&self, now: Timestamp) -> Option<Slot> {
        let (tick, slot) = self.ticks.first_key_value()?;
        (*tick < tick_of(now)).then_some(*slot)
    }

    /// Sorts some slots of the tick that runs now. Each is sorted once, so entries that end cost the same however many
    /// writes look for them meanwhile.
    fn sort(&mut self, now: Timestamp) {
        for _ in 0..SORTED_AT_ONCE {
            let Some(&slot) = self.ticks.get(&tick_of(now)) else {
                return;
            };
            self.unlink(slot);
            let due = self.nodes[slot.index()].due;
            let next = self.sorted.insert(due, slot);
            self.put_before(slot, next);
        }
    }

    fn take_slot(&mut self, node: Node) -> Slot {
        let slot = self.free;
        if let Some(free) = self.nodes.get_mut(slot.index()) {
            self.free = free.next;
            *free = node;
            return slot;
        }
        match u32::try_from(self.nodes.len()) {
            Ok(u32::MAX) | Err(_) => Slot::NONE,
            Ok(new) => {
                self.nodes.push(node);
                Slot(new)
            }
        }
    }

    fn link(&mut self, slot: Slot) {
        let tick = tick_of(self.nodes[slot.index()].due);
        let next = self.ticks.insert(tick, slot);
        self.put_before(slot, next);
    }

    /// Makes a slot the first of a list.
    fn put_before(&mut self, slot: Slot, next: Option<Slot>) {
        let next = next.unwrap_or(Slot::NONE);
        if let Some(next) = self.nodes.get_mut(next.index()) {
            next.before = slot;
        }
        let node = &mut self.nodes[slot.index()];
        node.before = Slot::NONE;
        node.next = next;
    }

    fn unlink(&mut self, slot: Slot) {
        let Node {
            due, before, next, ..
        } = self.nodes[slot.index()];
        if let Some(next) = self.nodes.get_mut(next.index()) {
            next.before = before;
        }
        if let Some(before) = self.nodes.get_mut(before.index()) {
            before.next = next;
        } else if self.sorted.get(&due) == Some(&slot) {
            replace_first(&mut self.sorted, due, next);
        } else {
            replace_first(&mut self.ticks, tick_of(due), next);
        }
    }
}

/// Takes the first slot of a list away.
fn replace_first<T: Ord>(lists: &mut BTreeMap<T, Slot>, list: T, next: Slot) {
    if next == Slot::NONE {
        lists.remove(&list);
    } else {
        lists.insert(list, next);
    }
}

fn tick_of(time: Timestamp) -> u64 {
    time.as_millis() >> TICK_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap as Model;

    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Takes out all that is due, as the sweeper does.
    fn drain(deadlines: &mut Deadlines, now: Timestamp) -> Vec<String> {
        let mut drained = Vec::new();
        while let Some((slot, key)) = deadlines.first_due(now) {
            deadlines.remove(slot);
            drained.push(key.to_string());
        }
        drained
    }

    #[test]
    fn an_entry_is_due_at_the_millisecond_of_its_end() {
        let mut deadlines = Deadlines::default();
        deadlines.add("a".into(), at(100));
        assert_eq!(deadlines.first_due(at(99)), None);
        assert!(deadlines.first_due(at(100)).is_some());
    }

    /// Entries of one tick that were added later are nearer to the head of its list.
    #[test]
    fn entries_of_a_tick_are_due_one_after_the_other() {
        let mut deadlines = Deadlines::default();
        for due in 96..112 {
            deadlines.add(due.to_string().into(), at(due));
        }
        for now in 96..112 {
            assert_eq!(drain(&mut deadlines, at(now)), [now.to_string()]);
        }
    }

    #[test]
    fn a_look_sorts_a_bounded_number_of_many_entries_that_end_at_once() {
        let mut deadlines = Deadlines::default();
        let many = 10 * SORTED_AT_ONCE;
        let due = |n: usize| at(if n == 0 { 100 } else { 111 });
        for n in 0..many {
            deadlines.add(n.to_string().into(), due(n));
        }
        // The one that is due is the last of the list.
        for look in 1..10 {
            assert_eq!(deadlines.first_due(at(105)), None, "look {look}");
            assert_eq!(deadlines.sorted.len(), 1);
        }
        assert!(deadlines.first_due(at(105)).is_some());
        assert!(deadlines.ticks.is_empty());
        assert_eq!(drain(&mut deadlines, at(112)).len(), many);
        assert!(deadlines.sorted.is_empty());
    }

    #[test]
    fn what_a_passed_tick_left_unsorted_is_due() {
        let mut deadlines = Deadlines::default();
        for n in 0..5 * SORTED_AT_ONCE {
            deadlines.add(n.to_string().into(), at(111));
        }
        assert_eq!(deadlines.first_due(at(105)), None);
        assert_eq!(drain(&mut deadlines, at(112)).len(), 5 * SORTED_AT_ONCE);
    }

    #[test]
    fn a_removed_entry_is_not_due() {
        let mut deadlines = Deadlines::default();
        let slot = deadlines.add("a".into(), at(100));
        deadlines.remove(slot);
        assert_eq!(deadlines.first_due(at(1_000)), None);
    }

    #[test]
    fn a_second_removal_does_not_free_the_slot_twice() {
        let mut deadlines = Deadlines::default();
        let slot = deadlines.add("a".into(), at(100));
        deadlines.remove(slot);
        deadlines.remove(slot);
        let (one, two) = (
            deadlines.add("b".into(), at(200)),
            deadlines.add("c".into(), at(300)),
        );
        assert_ne!(one, two);
    }

    #[test]
    fn slots_are_used_again() {
        let mut deadlines = Deadlines::default();
        for round in 0..1_000 {
            let slot = deadlines.add("a".into(), at(round));
            deadlines.remove(slot);
        }
        assert_eq!(deadlines.nodes.len(), 1);
    }

    #[test]
    fn a_slot_that_was_due_is_not_that_of_the_next_entry_of_its_key() {
        let mut deadlines = Deadlines::default();
        deadlines.add("a".into(), at(100));
        let (slot, key) = deadlines.first_due(at(200)).unwrap();
        deadlines.remove(slot);
        assert_eq!(deadlines.add("a".into(), at(60_000)), slot);
        assert!(!deadlines.is_due(slot, &key, at(200)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(u8, u64),
        Remove(u8),
        Postpone(u8, u64),
        Drain(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<u8>(), 0..2_000_u64).prop_map(|(key, due)| Step::Add(key, due)),
            any::<u8>().prop_map(Step::Remove),
            (any::<u8>(), 0..2_000_u64).prop_map(|(key, due)| Step::Postpone(key, due)),
            (0..2_000_u64).prop_map(Step::Drain),
        ]
    }

    proptest! {
        /// The table answers as an ordered map of keys would.
        #[test]
        fn it_agrees_with_a_simple_model(steps in prop::collection::vec(step(), 0..200)) {
            let mut deadlines = Deadlines::default();
            let mut model: Model<String, (Slot, u64)> = Model::new();
            for step in steps {
                match step {
                    Step::Add(key, due) => {
                        let key = format!("key-{key}");
                        let slot = deadlines.add(key.as_str().into(), at(due));
                        if let Some((old, _)) = model.insert(key, (slot, due)) {
                            deadlines.remove(old);
                        }
                    }
                    Step::Remove(key) => {
                        if let Some((slot, _)) = model.remove(&format!("key-{key}")) {
                            deadlines.remove(slot);
                        }
                    }
                    Step::Postpone(key, due) => {
                        let key = format!("key-{key}");
                        if let Some((slot, old)) = model.get_mut(&key) {
                            deadlines.postpone(*slot, &key, at(due));
                            *old = due;
                        }
                    }
                    Step::Drain(now) => {
                        let mut drained = drain(&mut deadlines, at(now));
                        drained.sort();
                        let expected: Vec<_> =
                            model.extract_if(.., |_, (_, end)| *end <= now).map(|(key, _)| key).collect();
                        prop_assert_eq!(drained, expected);
                    }
                }
                for (key, (slot, due)) in &model {
                    prop_assert_eq!(deadlines.find(key), Some((*slot, at(*due))));
                }
            }
        }
    }
}
