//! Measuring several subjects in turn, round after round.

#![expect(clippy::print_stdout, reason = "a process of a benchmark prints its numbers")]

use std::fmt;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::{child, heap};

/// A subject that is ready: runs its operation once for each number.
pub type Run<'a> = Box<dyn Fn(&[u32]) + Sync + 'a>;

/// Something to measure.
pub struct Subject<'a> {
    name: String,
    make: Box<dyn Fn() -> Run<'a> + 'a>,
    /// What each thread runs over, in pieces.
    orders: &'a [Vec<u32>],
}

impl<'a> Subject<'a> {
    /// Makes a subject. It is made anew several times in a run, since where a cache happens to lie in memory counts.
    pub fn new<R: Fn(&[u32]) + Sync + 'a>(
        name: impl Into<String>,
        orders: &'a [Vec<u32>],
        make: impl Fn() -> R + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            make: Box::new(move || Box::new(make())),
            orders,
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.name).finish()
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many threads run at the same time.
    pub threads: usize,
    /// How many processes make the subjects anew.
    pub builds: usize,
    /// How many rounds there are in each.
    pub rounds: usize,
    /// How many operations each thread does before it looks at the clock: so many that what it uses is in the
    /// processor's caches again, which the subjects before it have emptied.
    pub warm_up: usize,
    /// How many operations are timed.
    pub timed: usize,
    /// Whether the subjects are made in a heap that has been in use.
    pub used_heap: bool,
}

/// What was measured: nanoseconds for each operation, by subject and round.
#[derive(Debug)]
pub struct Measured {
    names: Vec<String>,
    samples: Vec<Vec<f64>>,
}

/// A ratio, with the quartiles beside it that say how sure it is.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// A quarter of the rounds were below this.
    pub lower: f64,
    /// The ratio.
    pub median: f64,
    /// A quarter of the rounds were above this.
    pub upper: f64,
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2}-{:.2})", self.median, self.lower, self.upper)
    }
}

impl Measured {
    /// Returns the names of the subjects, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Returns the median time of one operation in nanoseconds.
    pub fn nanos(&self, subject: usize) -> f64 {
        quantile(&self.samples[subject], 0.5)
    }

    /// Returns how much longer one subject takes than another, taken inside each round.
    pub fn ratio(&self, subject: usize, base: usize) -> Ratio {
        let pairs = self.samples[subject].iter().zip(&self.samples[base]);
        let ratios: Vec<f64> = pairs.map(|(subject, base)| subject / base).collect();
        let at = |share| quantile(&ratios, share);
        Ratio {
            lower: at(0.25),
            median: at(0.5),
            upper: at(0.75),
        }
    }

    /// Prints the numbers for the process that asked for them.
    fn write(&self) {
        for nanos in self.samples.iter().flatten() {
            println!("{nanos}");
        }
    }

    /// Returns the ratio of two subjects by their names, if both were measured.
    pub fn ratio_of(&self, subject: &str, base: &str) -> Option<Ratio> {
        let find = |name| self.names.iter().position(|known| known == name);
        Some(self.ratio(find(subject)?, find(base)?))
    }
}

/// Measures the subjects, in as many new processes as the plan has builds, so that no subject finds a heap that others
/// have left in some state by chance. Returns nothing in such a process, whose numbers are printed.
pub fn measure(title: &str, plan: Plan, subjects: &[Subject<'_>]) -> Option<Measured> {
    if let Some(variant) = child::variant() {
        if let Some((this, build)) = variant.rsplit_once('#')
            && this == title
        {
            compare(plan, build.parse().unwrap_or_default(), subjects).write();
        }
        return None;
    }
    let mut samples = vec![Vec::new(); subjects.len()];
    for build in 0..plan.builds {
        let numbers = child::run(&format!("{title}#{build}"));
        for (samples, numbers) in samples.iter_mut().zip(numbers.chunks(plan.rounds)) {
            samples.extend_from_slice(numbers);
        }
    }
    Some(Measured {
        names: subjects.iter().map(|subject| subject.name.clone()).collect(),
        samples,
    })
}

/// Measures the subjects in turn. They are made and measured in another order each time, since whoever comes first finds
/// memory in another state than whoever comes last.
fn compare(plan: Plan, build: usize, subjects: &[Subject<'_>]) -> Measured {
    let mut random = fastrand::Rng::with_seed(build as u64);
    if plan.used_heap {
        heap::use_up();
    }
    let mut turns: Vec<usize> = (0..subjects.len()).collect();
    random.shuffle(&mut turns);
    let mut runs: Vec<_> = turns.into_iter().map(|at| (at, (subjects[at].make)())).collect();
    let mut samples = vec![Vec::new(); subjects.len()];
    for round in 0..plan.rounds {
        random.shuffle(&mut runs);
        for (at, run) in &runs {
            let time = sample(plan, build * plan.rounds + round, subjects[*at].orders, run);
            samples[*at].push(time.as_secs_f64() * 1e9 / plan.timed as f64);
        }
    }
    Measured {
        names: subjects.iter().map(|subject| subject.name.clone()).collect(),
        samples,
    }
}

/// Returns how long the operations took: one thread in time of its processor, which others cannot take away, and
/// several in time on the wall, since they may wait for each other, on average.
fn sample(plan: Plan, round: usize, orders: &[Vec<u32>], run: &Run<'_>) -> Duration {
    let barrier = Barrier::new(plan.threads);
    let one = |thread: usize, clock: &dyn Fn() -> Duration| {
        let piece = piece(&orders[thread % orders.len()], plan.warm_up + plan.timed, round);
        let (warm_up, timed) = piece.split_at(plan.warm_up);
        run(warm_up);
        barrier.wait();
        let start = clock();
        run(timed);
        clock().saturating_sub(start)
    };
    if plan.threads == 1 {
        return one(0, &|| {
            clock_gettime(ClockId::ThreadCPUTime)
                .try_into()
                .unwrap_or_default()
        });
    }
    let epoch = Instant::now();
    thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..plan.threads)
            .map(|thread| scope.spawn(move || one(thread, &|| epoch.elapsed())))
            .collect();
        let times = threads.into_iter().filter_map(|thread| thread.join().ok());
        times.sum::<Duration>() / u32::try_from(plan.threads).unwrap_or(1)
    })
}

/// Returns the piece of this round, and the first one again after the last.
fn piece(order: &[u32], length: usize, round: usize) -> &[u32] {
    let pieces = (order.len() / length).max(1);
    let start = round % pieces * length;
    &order[start..start + length]
}

/// Returns the value below which this share of all lies.
pub fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    // A place is a small number that is not negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of a slice"
    )]
    let at = place.round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_odd_number_is_the_median() {
        assert!((quantile(&[3.0, 1.0, 2.0], 0.5) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn each_subject_is_measured_in_each_round() {
        let orders = [vec![0; 40]];
        let subject = |name| Subject::new(name, &orders, || |order: &[u32]| assert!(order.len() <= 5));
        let plan = Plan {
            threads: 2,
            builds: 2,
            rounds: 3,
            warm_up: 3,
            timed: 5,
            used_heap: false,
        };
        let measured = compare(plan, 1, &[subject("a"), subject("b")]);
        assert!(measured.samples.iter().all(|samples| samples.len() == 3));
    }

    #[test]
    fn pieces_begin_again_when_they_are_used_up() {
        let order: Vec<u32> = (0..10).collect();
        assert_eq!(piece(&order, 4, 1), [4, 5, 6, 7]);
        assert_eq!(piece(&order, 4, 2), [0, 1, 2, 3]);
    }
}
