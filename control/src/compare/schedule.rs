//! In which order everything is measured: each round has every point once, in an order of its own, so that what drifts
//! on the machine is no runtime's advantage.

use super::report::{Runtime, Workload};

/// One point to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    /// The round, from 0.
    pub round: u32,
    /// Who runs the pods.
    pub runtime: Runtime,
    /// What they run.
    pub workload: Workload,
    /// How many.
    pub pods: u32,
}

/// All steps of all rounds, each round shuffled by `seed`.
pub(crate) fn steps(rounds: u32, runtimes: &[Runtime], workloads: &[Workload], counts: &[u32], seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut steps = Vec::new();
        for &runtime in runtimes {
            for &workload in workloads {
                steps.extend(counts.iter().map(|&pods| Step { round, runtime, workload, pods }));
            }
        }
        shuffle(&mut steps, &mut random);
        all.append(&mut steps);
    }
    all
}

/// Fisher and Yates.
fn shuffle(steps: &mut [Step], random: &mut Random) {
    for last in (1..steps.len()).rev() {
        steps.swap(last, random.below(last + 1));
    }
}

/// SplitMix64: chance enough for an order, and the same for the same seed.
struct Random(u64);

// === impl Random ===

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("less than a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_each_point_once_and_an_order_of_its_own() {
        let all = steps(3, &[Runtime::Containerd, Runtime::Coracle], &[Workload::Hello], &[0, 1, 10, 25], 7);
        assert_eq!(all.len(), 24);
        let orders: Vec<Vec<(Runtime, u32)>> =
            all.chunks(8).map(|round| round.iter().map(|it| (it.runtime, it.pods)).collect()).collect();
        assert_ne!(orders[0], orders[1]);
        for (round, chunk) in all.chunks(8).enumerate() {
            let mut sorted = chunk.to_vec();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 8);
            assert!(sorted.iter().all(|step| step.round as usize == round));
        }
        assert_eq!(all, steps(3, &[Runtime::Containerd, Runtime::Coracle], &[Workload::Hello], &[0, 1, 10, 25], 7));
    }
}
