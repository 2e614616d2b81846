//! A heap as a service has it that has run for a while: free places of all sizes between places in use. In a new heap
//! whatever a cache allocates for one entry lies side by side, so a hit waits for memory once or twice; which cache does so
//! well is then a matter of what else it allocated while it was filled, and ends with the first thousand evictions.

use std::hint::black_box;

/// How many places are made. Half of them are free afterwards, over 100 MB, which is more than the subjects of a
/// benchmark take.
const PLACES: usize = 2_000_000;
/// Sizes of what caches allocate for an entry, in bytes.
const SIZES: std::ops::Range<usize> = 16..320;

/// Leaves as much behind as it takes that allocations lie apart from each other from now on.
pub fn use_up() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut places: Vec<Option<Box<[u8]>>> = (0..PLACES)
        .map(|_| Some(black_box(vec![0; random.usize(SIZES)].into_boxed_slice())))
        .collect();
    // Every other one stays, or the allocator would make large places out of neighbours.
    let mut free: Vec<usize> = (0..PLACES).step_by(2).collect();
    random.shuffle(&mut free);
    for place in free {
        places[place] = None;
    }
    std::mem::forget(places);
}
