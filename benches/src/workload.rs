//! What the caches hold and in which order they are asked: the same for all of them, made once and before the clock
//! runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A value of about 256 bytes with its heap, as applications cache them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    id: u64,
    name: String,
    email: String,
    about: String,
    groups: Vec<u64>,
}

impl User {
    fn new(id: u64) -> Self {
        Self {
            id,
            name: format!("User number {id:07}"),
            email: format!("user-{id:07}@example.org"),
            about: format!(
                "{id:07} joined on a Monday and has written {} lines since.",
                id % 977
            ),
            groups: vec![id, id + 1, id + 2],
        }
    }
}

/// Keys and values, by number.
#[derive(Debug)]
pub struct Workload {
    keys: Vec<String>,
    users: Vec<Arc<User>>,
}

impl Workload {
    /// Makes as many keys, and as many users.
    pub fn new(items: u32) -> Self {
        Self {
            keys: (0..items).map(key).collect(),
            users: (0..items).map(|id| Arc::new(User::new(id.into()))).collect(),
        }
    }

    /// Makes as many keys, and one user for all of them: for caches of which the values do not matter.
    pub fn of_one_user(items: u32) -> Self {
        let user = Arc::new(User::new(1));
        Self {
            keys: (0..items).map(key).collect(),
            users: (0..items).map(|_| Arc::clone(&user)).collect(),
        }
    }

    /// Returns a key.
    #[inline]
    pub fn key(&self, number: u32) -> &str {
        &self.keys[number as usize]
    }

    /// Returns a value.
    #[inline]
    pub fn user(&self, number: u32) -> &Arc<User> {
        &self.users[number as usize]
    }

    /// Makes what a subject runs: the operation for each key of an order.
    pub fn each<'a>(&'a self, operation: impl Fn(&str) + Sync + 'a) -> impl Fn(&[u32]) + Sync + 'a {
        move |order: &[u32]| {
            for number in order {
                operation(self.key(*number));
            }
        }
    }

    /// Returns every key with its value.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Arc<User>)> {
        self.keys.iter().map(String::as_str).zip(&self.users)
    }
}

/// Returns a key of 21 bytes, the length that keys like `user:profile:0000042` have.
pub fn key(number: u32) -> String {
    format!("user:profile:{number:08}")
}

/// Returns numbers below `items`, number i as often as 1 / (i + 1): some are asked for all the time and most hardly
/// ever. Which numbers are the frequent ones is shuffled, so that they do not lie side by side in memory.
pub fn skewed(items: u32, length: usize, seed: u64) -> Vec<u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    // All threads and runs agree on which ones are frequent.
    let mut by_rank: Vec<u32> = (0..items).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut by_rank);
    let mut sum = 0.0;
    let sums: Vec<f64> = (0..items)
        .map(|rank| {
            sum += 1.0 / (f64::from(rank) + 1.0);
            sum
        })
        .collect();
    let pick = |_| {
        let point = random.f64() * sum;
        by_rank[sums.partition_point(|sum| *sum <= point).min(by_rank.len() - 1)]
    };
    (0..length).map(pick).collect()
}

/// Returns numbers of `choices`, each as often as the others.
pub fn uniform(choices: &[u32], length: usize, seed: u64) -> Vec<u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..length)
        .map(|_| choices[random.usize(..choices.len())])
        .collect()
}
