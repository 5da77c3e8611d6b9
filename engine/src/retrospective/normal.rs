//! The normal distribution, as far as tests and intervals need it.

/// 97.5 % of the standard normal distribution lie below it.
pub(super) const Z_95: f64 = 1.959_963_984_540_054;
/// 80 % lie below it: the power that "enough per side" means.
pub(super) const Z_POWER: f64 = 0.841_621_233_572_914;

/// The probability of a standard normal value at least so far from 0, on either side.
pub(super) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_the_tables() {
        assert!((two_sided(Z_95) - 0.05).abs() < 1e-12);
        assert!((two_sided(-2.575_829_303_548_901) - 0.01).abs() < 1e-12);
        assert!((two_sided(Z_POWER) - 0.4).abs() < 1e-12);
    }
}
