//! What holds for every image, every old content and every fault, as far as chance can tell.

mod babble;
mod decoder;
mod deploys;

use proptest::test_runner::{Config, RngSeed};
use std::time::{SystemTime, UNIX_EPOCH};

/// So many cases, from a seed that is printed when a case fails: with it in `PROPTEST_RNG_SEED` the
/// same cases come again.
fn cases(number: u32) -> Config {
    let seed = std::env::var("PROPTEST_RNG_SEED").map_or_else(
        |_| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos()) ^ now.as_secs()
        },
        |seed| seed.parse().unwrap(),
    );
    println!("PROPTEST_RNG_SEED={seed}");
    Config {
        cases: number,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        // A deploy takes a tenth of a second.
        max_shrink_iters: 200,
        ..Config::default()
    }
}
