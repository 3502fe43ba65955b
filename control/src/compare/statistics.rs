//! Turns readings into what is reported: a line's slope, which is what one more pod costs, and percentiles.

use serde::{Deserialize, Serialize};

/// A line through measured points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// What it says of no pods.
    pub intercept: f64,
    /// What it says of one more.
    pub slope: f64,
    /// The standard error of the slope: how far it may be off by chance.
    pub slope_error: f64,
}

// === impl Line ===

impl Line {
    /// The line of least squares; `None` if the points are all above one another.
    pub(crate) fn fit(points: &[(f64, f64)]) -> Option<Line> {
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        if points.len() < 2 || spread == 0.0 {
            return None;
        }
        let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
        let intercept = mean_y - slope * mean_x;
        let misses: f64 = points.iter().map(|(x, y)| (y - intercept - slope * x).powi(2)).sum();
        // Two points fit any line: nothing is known of chance then.
        let freedom = (count - 2.0).max(1.0);
        Some(Line { intercept, slope, slope_error: (misses / freedom / spread).sqrt() })
    }

    /// What it says of `x` pods.
    pub(crate) fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

/// The value that `percent` of all are at most, by nearest rank; `None` of nothing.
pub(crate) fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

/// The mean; `None` of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_line_goes_through_its_points() {
        let line = Line::fit(&[(0.0, 5.0), (1.0, 7.0), (10.0, 25.0)]).unwrap();
        assert!((line.intercept - 5.0).abs() < 1e-9 && (line.slope - 2.0).abs() < 1e-9);
        assert!(line.slope_error < 1e-9 && (line.at(100.0) - 205.0).abs() < 1e-9);
    }

    #[test]
    fn scattered_points_have_an_error() {
        let line = Line::fit(&[(0.0, 0.0), (1.0, 2.0), (2.0, 1.0), (3.0, 3.0)]).unwrap();
        assert!((line.slope - 0.8).abs() < 1e-9 && (line.intercept - 0.3).abs() < 1e-9);
        // sqrt(sum of squares 1.8 / 2 / spread 5)
        assert!((line.slope_error - 0.18_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn points_above_one_another_have_no_line() {
        assert_eq!(Line::fit(&[]), None);
        assert_eq!(Line::fit(&[(3.0, 1.0), (3.0, 2.0)]), None);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 50.0), Some(100.0));
        assert_eq!(percentile(&values, 99.0), Some(198.0));
        assert_eq!(percentile(&[7.0], 99.0), Some(7.0));
        assert_eq!(percentile(&[], 50.0), None);
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, 3.0]), Some(2.0));
    }
}
