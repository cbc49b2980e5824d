//! When requests are due: pure arithmetic, no clock.
//!
//! A schedule is a row of stages, each with a rate that stays or changes steadily. N(t), the integral of the rate, is how
//! many requests should have begun by t; request k is due when N(t) = k + ½. The half makes neighbouring stages meet
//! without a gap or a pair, and gives each stage the number of requests its area says.

use std::str::FromStr;
use std::time::Duration;

/// Highest rate; above, one thread cannot keep time.
pub const RATE_MAX: f64 = 1_000_000.0;
/// Longest schedule: a day.
pub const DURATION_MAX: Duration = Duration::from_secs(86_400);
/// Most stages.
pub const STAGES_MAX: usize = 100;

/// A time in which the rate goes from one value to another, or stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    pub duration: Duration,
    /// Requests per second at its begin and its end.
    pub from: f64,
    pub to: f64,
}

impl Stage {
    pub fn constant(duration: Duration, rate: f64) -> Stage {
        Stage { duration, from: rate, to: rate }
    }

    /// How many requests are due in it, as the area under its rate.
    pub fn area(&self) -> f64 {
        self.begun_by(self.duration.as_secs_f64())
    }

    /// The mean rate.
    pub fn mean(&self) -> f64 {
        (self.from + self.to) / 2.0
    }

    /// What it is, for people.
    pub fn name(&self) -> String {
        let duration = humantime::format_duration(self.duration);
        if self.from == self.to {
            format!("{} /s for {duration}", self.from)
        } else {
            format!("{} to {} /s in {duration}", self.from, self.to)
        }
    }

    /// Requests due within `seconds` of its begin.
    fn begun_by(&self, seconds: f64) -> f64 {
        seconds * (self.from + self.bend() * seconds)
    }

    /// When `area` requests are due: the root of bend·t² + from·t = area, in the form that stays exact as bend goes to 0.
    fn time_of(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let root = self.from.mul_add(self.from, 4.0 * self.bend() * area).max(0.0).sqrt();
        2.0 * area / (self.from + root)
    }

    fn bend(&self) -> f64 {
        (self.to - self.from) / (2.0 * self.duration.as_secs_f64())
    }
}

impl FromStr for Stage {
    type Err = String;

    /// `30s:200` stays, `10s:0..200` ramps.
    fn from_str(text: &str) -> Result<Stage, String> {
        let wrong = || format!("'{text}' is no stage; write 30s:200, or 10s:0..200 for a ramp");
        let (duration, rates) = text.split_once(':').ok_or_else(wrong)?;
        let duration = humantime::parse_duration(duration.trim()).map_err(|_| wrong())?;
        let rate = |text: &str| match text.trim().parse::<f64>() {
            Ok(rate) if (0.0..=RATE_MAX).contains(&rate) => Ok(rate),
            Ok(_) => Err(format!("'{text}': a rate is between 0 and {RATE_MAX} per second")),
            Err(_) => Err(wrong()),
        };
        let (from, to) = match rates.split_once("..") {
            Some((from, to)) => (rate(from)?, rate(to)?),
            None => (rate(rates)?, rate(rates)?),
        };
        if duration.is_zero() {
            return Err(format!("'{text}': a stage takes time"));
        }
        Ok(Stage { duration, from, to })
    }
}

/// Stages in a row. There is at least one, and a request in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    stages: Vec<Stage>,
}

/// When one request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Counts from 0.
    pub number: u64,
    pub stage: usize,
    /// Since the begin of the schedule.
    pub due: Duration,
}

impl Schedule {
    pub fn new(stages: Vec<Stage>) -> Result<Schedule, String> {
        let schedule = Schedule { stages };
        if schedule.stages.len() > STAGES_MAX {
            return Err(format!("there may be {STAGES_MAX} stages at most"));
        }
        if schedule.duration() > DURATION_MAX {
            return Err("a test may take a day at most".to_owned());
        }
        if schedule.count() == 0 {
            return Err("no request is due in this time at this rate".to_owned());
        }
        Ok(schedule)
    }

    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    pub fn duration(&self) -> Duration {
        self.stages
            .iter()
            .map(|stage| stage.duration)
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// How many requests are due in all.
    pub fn count(&self) -> u64 {
        self.begun_by(self.duration())
    }

    /// The mean rate.
    pub fn mean(&self) -> f64 {
        let area: f64 = self.stages.iter().map(Stage::area).sum();
        area / self.duration().as_secs_f64()
    }

    /// How many requests are due before `time`.
    pub fn begun_by(&self, time: Duration) -> u64 {
        let (mut area, mut left) = (0.0, time);
        for stage in &self.stages {
            area += stage.begun_by(left.min(stage.duration).as_secs_f64());
            left = left.saturating_sub(stage.duration);
        }
        (area + 0.5).floor() as u64
    }

    /// All requests, in order of time.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + use<> {
        let stages = self.stages.clone();
        let (mut stage, mut before, mut began, mut number) = (0, 0.0, Duration::ZERO, 0_u64);
        std::iter::from_fn(move || {
            loop {
                let current: &Stage = stages.get(stage)?;
                let wanted = number as f64 + 0.5 - before;
                if wanted <= current.area() {
                    let due = Duration::from_secs_f64(current.time_of(wanted));
                    let due = began + due.min(current.duration);
                    let arrival = Arrival { number, stage, due };
                    number += 1;
                    return Some(arrival);
                }
                before += current.area();
                began += current.duration;
                stage += 1;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dues(stages: &[&str]) -> Vec<(usize, f64)> {
        let stages = stages.iter().map(|text| text.parse().unwrap()).collect();
        let schedule = Schedule::new(stages).unwrap();
        schedule.arrivals().map(|arrival| (arrival.stage, arrival.due.as_secs_f64())).collect()
    }

    fn check(stages: &[&str], expected: &[(usize, f64)]) {
        let found = dues(stages);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.0, expected.0);
            assert!((found.1 - expected.1).abs() < 1e-6, "{found:?}, not {expected:?}");
        }
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced() {
        check(&["2s:2"], &[(0, 0.25), (0, 0.75), (0, 1.25), (0, 1.75)]);
    }

    #[test]
    fn a_step_changes_the_spacing_at_once() {
        check(
            &["1s:2", "1s:4"],
            &[(0, 0.25), (0, 0.75), (1, 1.125), (1, 1.375), (1, 1.625), (1, 1.875)],
        );
    }

    #[test]
    fn a_ramp_follows_the_root_of_time() {
        // N(t) = t²/2, so request k is due at √(2k + 1).
        let up = [1.0, 3.0, 5.0, 7.0, 9.0].map(|square: f64| (0, square.sqrt()));
        check(&["3s:0..3"], &up);
        // The same backwards: what is left of the area is (3 - t)²/2.
        let down = [8.0, 6.0, 4.0, 2.0, 0.0].map(|square: f64| (0, 3.0 - square.sqrt()));
        check(&["3s:3..0"], &down);
    }

    #[test]
    fn nothing_is_due_in_a_pause() {
        check(&["1s:2", "10s:0", "1s:1"], &[(0, 0.25), (0, 0.75), (2, 11.5)]);
    }

    #[test]
    fn stages_are_read_or_refused() {
        let read = |text: &str| text.parse::<Stage>();
        assert_eq!(read("1m30s:5"), Ok(Stage::constant(Duration::from_secs(90), 5.0)));
        assert_eq!(read(" 1s : 0 .. 2.5").map(|stage| stage.to), Ok(2.5));
        for wrong in
            ["", "30s", "30s:", "soon:5", "30s:-1", "30s:NaN", "30s:1..", "0s:5", "1s:1e12"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(Schedule::new(vec![]).is_err());
        assert!(Schedule::new(vec![Stage::constant(Duration::from_secs(60), 0.0)]).is_err());
        assert!(Schedule::new(vec![Stage::constant(Duration::MAX, 1.0); 2]).is_err());
    }

    fn stage() -> impl Strategy<Value = Stage> {
        let rate = || prop_oneof![Just(0.0), 0.1..500.0_f64];
        (1..5_000_u64, rate(), rate(), any::<bool>()).prop_map(|(ms, from, to, stays)| Stage {
            duration: Duration::from_millis(ms),
            from,
            to: if stays { from } else { to },
        })
    }

    proptest! {
        #[test]
        fn arrivals_are_in_order_in_their_stage_and_as_many_as_the_area(
            stages in proptest::collection::vec(stage(), 1..6)
        ) {
            let Ok(schedule) = Schedule::new(stages.clone()) else { return Ok(()) };
            let arrivals: Vec<Arrival> = schedule.arrivals().collect();
            let area: f64 = stages.iter().map(Stage::area).sum();
            prop_assert!((arrivals.len() as f64 - area).abs() <= 0.5 + 1e-6);
            prop_assert!(arrivals.len().abs_diff(schedule.count() as usize) <= 1);
            prop_assert!(arrivals.windows(2).all(|pair| pair[0].due <= pair[1].due));
            for (index, arrival) in arrivals.iter().enumerate() {
                prop_assert_eq!(arrival.number, index as u64);
                let begin: Duration = stages[..arrival.stage].iter().map(|s| s.duration).sum();
                prop_assert!(arrival.due >= begin);
                prop_assert!(arrival.due <= begin + stages[arrival.stage].duration);
                // Just after it is due it is counted, but for rounding to nanoseconds.
                let counted = schedule.begun_by(arrival.due + Duration::from_micros(1));
                let rounding = 1.0 + 1e-6 * RATE_MAX.min(stages[arrival.stage].from.max(stages[arrival.stage].to));
                prop_assert!(counted as f64 >= arrival.number as f64 && counted as f64 <= arrival.number as f64 + 1.0 + rounding);
            }
        }
    }
}
