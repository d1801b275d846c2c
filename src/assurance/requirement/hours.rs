use std::fmt;

use super::list::List;
use crate::clock::Timestamp;

const MINUTES_OF_A_DAY: u32 = 24 * 60;
const MINUTES_OF_A_WEEK: u64 = 7 * 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A window of the week in which something is allowed: from one time of the day to another, on some days.
///
/// The end is not part of it. A window that ends before it begins goes past midnight, and belongs to the
/// day it begins on. Times are those of a fixed distance from UTC: no time zone changes its clocks here,
/// so a policy says what is meant twice a year.
///
/// ```
/// use tower_mfa::assurance::{Day, Hours};
/// use tower_mfa::clock::Timestamp;
///
/// const OFFICE: Hours = Hours::between((8, 0), (18, 0)).on(&[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri]).utc_offset(60);
/// assert_eq!(OFFICE.to_string(), "mon-fri 08:00-18:00 UTC+01:00");
///
/// let friday = 1_800_000_000 / 86_400 * 86_400; // 15 January 2027, midnight UTC
/// assert!(OFFICE.contains(Timestamp::from_secs(friday + 7 * 3600)), "it is eight there");
/// assert!(!OFFICE.contains(Timestamp::from_secs(friday + 17 * 3600)), "it is six there, and over");
/// assert!(!OFFICE.contains(Timestamp::from_secs(friday + 86_400 + 9 * 3600)), "on Saturday");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Hours {
    /// Minutes of the day.
    from: u32,
    to: u32,
    /// A bit for each day, Monday the lowest.
    days: u8,
    /// Minutes east of UTC.
    offset: i32,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a week has seven days")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    const fn bit(self) -> u8 {
        match self {
            Self::Mon => 1,
            Self::Tue => 1 << 1,
            Self::Wed => 1 << 2,
            Self::Thu => 1 << 3,
            Self::Fri => 1 << 4,
            Self::Sat => 1 << 5,
            Self::Sun => 1 << 6,
        }
    }

    /// Returns the day that has this name: `mon` to `sun`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let at = DAYS.iter().position(|known| *known == name)?;
        Self::ALL.get(at).copied()
    }
}

impl Hours {
    /// A window from one time of the day, in hours and minutes, to another; on every day, in UTC.
    pub const fn between(from: (u8, u8), to: (u8, u8)) -> Self {
        Self { from: minutes(from), to: minutes(to), days: 0b111_1111, offset: 0 }
    }

    /// On these days alone.
    pub const fn on(mut self, days: &[Day]) -> Self {
        let mut rest = days;
        self.days = 0;
        while let [day, others @ ..] = rest {
            self.days |= day.bit();
            rest = others;
        }
        self
    }

    /// By a clock that is this many minutes east of UTC.
    pub const fn utc_offset(self, minutes: i32) -> Self {
        Self { offset: minutes, ..self }
    }

    /// Tells whether `now` lies in the window.
    #[must_use]
    pub fn contains(self, now: Timestamp) -> bool {
        let shift = i64::from(self.offset).saturating_mul(60);
        let (day, minute) = weekday(now.as_secs().saturating_add_signed(shift));
        let is_on = |days_before: u32| {
            let weekday = day.saturating_add(7).saturating_sub(days_before) % 7;
            self.days & 1_u8.unbounded_shl(weekday) != 0
        };
        if self.from <= self.to {
            return is_on(0) && (self.from..self.to).contains(&minute);
        }
        (is_on(0) && minute >= self.from) || (is_on(1) && minute < self.to)
    }

    /// What makes it a window that never opens, or none at all.
    pub(super) const fn fault(self) -> Option<&'static str> {
        match self {
            Self { from, to, .. } if from >= MINUTES_OF_A_DAY || to > MINUTES_OF_A_DAY => {
                Some("a time of the day is 00:00 to 23:59, and 24:00 as an end")
            }
            Self { from, to, .. } if from == to => {
                Some("a window that ends when it begins never opens: leave it out for the whole day")
            }
            Self { days: 0, .. } => Some("a window on no day never opens: name one"),
            Self { offset, .. } if offset.unsigned_abs() > 18 * 60 => Some("no clock is more than 18 hours off UTC"),
            _ => None,
        }
    }

    /// The minutes of a week, in UTC, at which one of `windows` is open.
    pub(super) fn week(windows: &List<Self>) -> Vec<bool> {
        // The epoch's second week, so that no offset leads before the first.
        let minutes =
            (MINUTES_OF_A_WEEK..2 * MINUTES_OF_A_WEEK).map(|minute| Timestamp::from_secs(minute.saturating_mul(60)));
        minutes.map(|at| windows.iter().any(|window| window.contains(at))).collect()
    }
}

/// The day of the week, Monday the first, and the minute of the day.
fn weekday(secs: u64) -> (u32, u32) {
    // The first day of the epoch was a Thursday.
    let day = (secs / 86_400).saturating_add(3) % 7;
    (u32::try_from(day).unwrap_or_default(), u32::try_from(secs % 86_400 / 60).unwrap_or_default())
}

/// A time as these windows are written: `fri 08:00 UTC`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, minute) = weekday(self.0.as_secs());
        let day = usize::try_from(day).ok().map(name).unwrap_or_default();
        write!(f, "{day} {:02}:{:02} UTC", minute / 60, minute % 60)
    }
}

const fn minutes((hour, minute): (u8, u8)) -> u32 {
    // A minute that is none makes a time that is none, whatever the hour.
    if minute > 59 { u32::MAX } else { widened(hour).saturating_mul(60).saturating_add(widened(minute)) }
}

#[expect(clippy::as_conversions, reason = "From is not const, and nothing is lost")]
const fn widened(value: u8) -> u32 {
    value as u32
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on: Vec<usize> = (0..7_usize).filter(|day| self.days & (1 << day) != 0).collect();
        match on.as_slice() {
            [_, _, _, _, _, _, _] => {}
            [first, _, .., last] if last.saturating_sub(*first) < on.len() => {
                write!(f, "{}-{} ", name(*first), name(*last))?;
            }
            days => write!(f, "{} ", days.iter().map(|day| name(*day)).collect::<Vec<_>>().join(","))?,
        }
        let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, "{}-{} UTC", time(self.from), time(self.to))?;
        if self.offset == 0 {
            return Ok(());
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", time(self.offset.unsigned_abs()))
    }
}

fn name(day: usize) -> &'static str {
    DAYS.get(day).copied().unwrap_or_default()
}
