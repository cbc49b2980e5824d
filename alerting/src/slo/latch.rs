//! The latch of one alert: what it has said, and what it says next.
//!
//! It fires when the condition holds and is believed, and resolves when the condition does not hold any more. One that comes
//! back within a short window of having resolved is flapping, and from then on resolves only when it has stayed away for a
//! whole short window, or both windows are below. What is not measured changes nothing: the alert is held, and says since when.

/// All times in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latch {
    pub level: Level,
    /// Since when nothing measured has changed it.
    pub held_since: Option<i64>,
    /// While it flaps: since when the condition does not hold.
    pub cool_since: Option<i64>,
    pub is_flapping: bool,
    pub resolved_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    #[default]
    Inactive,
    /// The condition holds, not yet for long enough.
    Pending {
        since: i64,
    },
    Firing {
        since: i64,
    },
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Inactive => "inactive",
            Level::Pending { .. } => "pending",
            Level::Firing { .. } => "firing",
        }
    }

    pub fn since(self) -> Option<i64> {
        match self {
            Level::Inactive => None,
            Level::Pending { since } | Level::Firing { since } => Some(since),
        }
    }
}

/// What one evaluation saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Unmeasured,
    /// The condition holds; `is_believed` when the guards agree.
    Hot {
        is_believed: bool,
    },
    /// It does not hold; `is_over` when the long window is below too.
    Cool {
        is_over: bool,
    },
}

/// How an alert behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temper {
    /// How long the condition holds before it fires.
    pub hold_seconds: u64,
    pub short_seconds: u64,
}

impl Latch {
    pub fn is_firing(&self) -> bool {
        matches!(self.level, Level::Firing { .. })
    }

    /// Its next state. A time before the last one changes nothing that depends on how long something lasted.
    pub fn next(self, seen: Seen, now: i64, temper: Temper) -> Latch {
        match seen {
            Seen::Unmeasured => Latch { held_since: self.held_since.or(Some(now)), ..self },
            Seen::Hot { is_believed } => {
                Latch { held_since: None, cool_since: None, ..self }.hot(is_believed, now, temper)
            }
            Seen::Cool { is_over } => Latch { held_since: None, ..self }.cool(is_over, now, temper),
        }
    }

    fn hot(self, is_believed: bool, now: i64, temper: Temper) -> Latch {
        let since = match self.level {
            Level::Firing { .. } => return self,
            Level::Inactive if !is_believed => return self,
            Level::Inactive => now,
            Level::Pending { since } => since,
        };
        if lasted(since, now, temper.hold_seconds) && is_believed {
            let is_back = |at: i64| !lasted(at, now, temper.short_seconds);
            let is_flapping = self.resolved_at.is_some_and(is_back);
            return Latch { level: Level::Firing { since: now }, is_flapping, ..self };
        }
        Latch { level: Level::Pending { since }, ..self }
    }

    fn cool(self, is_over: bool, now: i64, temper: Temper) -> Latch {
        match self.level {
            Level::Inactive => self,
            Level::Pending { .. } => Latch { level: Level::Inactive, ..self },
            Level::Firing { .. } => {
                let cool_since = self.cool_since.unwrap_or(now);
                if self.is_flapping && !is_over && !lasted(cool_since, now, temper.short_seconds) {
                    return Latch { cool_since: Some(cool_since), ..self };
                }
                let (level, resolved_at) = (Level::Inactive, Some(now));
                Latch { level, resolved_at, cool_since: None, is_flapping: false, ..self }
            }
        }
    }
}

fn lasted(since: i64, now: i64, seconds: u64) -> bool {
    now.saturating_sub(since) >= i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOT: Seen = Seen::Hot { is_believed: true };
    const COOL: Seen = Seen::Cool { is_over: false };
    const OVER: Seen = Seen::Cool { is_over: true };
    const TEMPER: Temper = Temper { hold_seconds: 0, short_seconds: 300 };

    /// The levels after each look.
    fn run(temper: Temper, looks: &[(i64, Seen)]) -> Vec<&'static str> {
        let mut latch = Latch::default();
        let levels = looks.iter().map(|(now, seen)| {
            latch = latch.next(*seen, *now, temper);
            latch.level.name()
        });
        levels.collect()
    }

    #[test]
    fn an_alert_fires_and_resolves_at_once() {
        assert_eq!(
            run(TEMPER, &[(0, COOL), (10, HOT), (20, COOL)]),
            ["inactive", "firing", "inactive"]
        );
    }

    #[test]
    fn what_is_not_measured_holds_a_page_and_says_since_when() {
        let mut latch = Latch::default().next(HOT, 10, TEMPER);
        for now in [20, 30, 40] {
            latch = latch.next(Seen::Unmeasured, now, TEMPER);
            assert_eq!((latch.level, latch.held_since), (Level::Firing { since: 10 }, Some(20)));
        }
        let measured = latch.next(HOT, 50, TEMPER);
        assert_eq!((measured.level, measured.held_since), (Level::Firing { since: 10 }, None));
        assert!(!latch.next(COOL, 50, TEMPER).is_firing());
    }

    #[test]
    fn one_that_comes_back_at_once_stays_until_it_is_gone_for_a_short_window() {
        let looks = [
            (0, HOT),
            (10, COOL),
            (100, HOT),
            (110, COOL),
            (120, HOT),
            (130, COOL),
            (420, COOL),
            (430, COOL),
        ];
        let levels =
            ["firing", "inactive", "firing", "firing", "firing", "firing", "firing", "inactive"];
        assert_eq!(run(TEMPER, &looks), levels);
        let over = [(0, HOT), (10, COOL), (100, HOT), (110, COOL), (120, OVER)];
        assert_eq!(run(TEMPER, &over), ["firing", "inactive", "firing", "firing", "inactive"]);
        let later = [(0, HOT), (10, COOL), (310, HOT), (320, COOL)];
        assert_eq!(run(TEMPER, &later), ["firing", "inactive", "firing", "inactive"]);
    }

    #[test]
    fn a_hold_waits_and_starts_anew() {
        let temper = Temper { hold_seconds: 60, ..TEMPER };
        let looks = [
            (0, HOT),
            (59, HOT),
            (60, HOT),
            (70, COOL),
            (80, HOT),
            (90, COOL),
            (100, HOT),
            (160, HOT),
        ];
        let levels = [
            "pending", "pending", "firing", "inactive", "pending", "inactive", "pending", "firing",
        ];
        assert_eq!(run(temper, &looks), levels);
    }

    #[test]
    fn what_the_guards_do_not_believe_does_not_fire_but_keeps_firing() {
        let doubted = Seen::Hot { is_believed: false };
        assert_eq!(
            run(TEMPER, &[(0, doubted), (10, HOT), (20, doubted)]),
            ["inactive", "firing", "firing"]
        );
    }

    #[test]
    fn a_clock_that_goes_back_ends_no_wait() {
        let temper = Temper { hold_seconds: 60, ..TEMPER };
        assert_eq!(run(temper, &[(100, HOT), (20, HOT), (159, HOT), (160, HOT)])[3], "firing");
        assert_eq!(run(temper, &[(100, HOT), (20, HOT), (159, HOT)])[2], "pending");
    }
}
