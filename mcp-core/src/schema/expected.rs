//! What a value should have been, in words.

use std::fmt;

use super::fault::{Fault, FaultKind, Faults};

/// What could stand in a place: some values, or something that words describe.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    values: Vec<String>,
    others: Vec<String>,
}

impl Expected {
    /// What would mend one fault.
    pub(crate) fn of(fault: &Fault<'_>) -> Self {
        let mut expected = Self::default();
        expected.add(fault);
        expected
    }

    /// Adds what would mend another one.
    pub(crate) fn add(&mut self, fault: &Fault<'_>) {
        let other = match &fault.kind {
            FaultKind::NoneOf(branches) => {
                let faults = branches.iter().flat_map(Faults::known);
                faults.filter(|other| other.path == fault.path).for_each(|other| self.add(other));
                return;
            }
            FaultKind::Options(options) => {
                self.values.extend(options.iter().map(ToString::to_string));
                return;
            }
            FaultKind::Constant(value) => {
                self.values.push(value.to_string());
                return;
            }
            FaultKind::Never => "nothing".to_owned(),
            FaultKind::Type(types) => types.to_string(),
            FaultKind::Minimum(limit) => format!("at least {limit}"),
            FaultKind::Maximum(limit) => format!("at most {limit}"),
            FaultKind::ExclusiveMinimum(limit) => format!("more than {limit}"),
            FaultKind::ExclusiveMaximum(limit) => format!("less than {limit}"),
            FaultKind::MultipleOf(divisor) => format!("a multiple of {divisor}"),
            FaultKind::MinLength(limit) => format!("at least {limit} characters"),
            FaultKind::MaxLength(limit) => format!("at most {limit} characters"),
            FaultKind::Pattern(pattern) => format!("text that matches {pattern}"),
            FaultKind::MinItems(limit) => format!("at least {limit} items"),
            FaultKind::MaxItems(limit) => format!("at most {limit} items"),
            FaultKind::UniqueItems => "items that are all different".to_owned(),
            FaultKind::MinContains(limit, faults) => {
                let mut item = Self::default();
                faults.known().iter().take(1).for_each(|fault| item.add(fault));
                match item.is_empty() {
                    true => format!("at least {limit} items of a certain kind"),
                    false => format!("at least {limit} items that are {item}"),
                }
            }
            FaultKind::MaxContains(limit) => format!("at most {limit} items of this kind"),
            FaultKind::MinProperties(limit) => format!("at least {limit} members"),
            FaultKind::MaxProperties(limit) => format!("at most {limit} members"),
            FaultKind::Required(name) => format!("a member `{name}`"),
            FaultKind::Unexpected(name) => format!("no member `{name}`"),
            FaultKind::Name(name, expected) => {
                format!("other names of members than `{name}`: {expected}")
            }
            FaultKind::SeveralOf => "something that fits only one of several forms".to_owned(),
            FaultKind::Not => "something else".to_owned(),
            FaultKind::TooDeep => "something that is nested less deeply".to_owned(),
            FaultKind::TooMuchWork => {
                "something smaller: to check this against the schema is too much work".to_owned()
            }
        };
        if !self.others.contains(&other) {
            self.others.push(other);
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.others.is_empty()
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.values.as_slice() {
            [] => {}
            [value] => f.write_str(value)?,
            values => write!(f, "one of {}", values.join(", "))?,
        }
        for (index, other) in self.others.iter().enumerate() {
            if index > 0 || !self.values.is_empty() {
                f.write_str(" or ")?;
            }
            f.write_str(other)?;
        }
        Ok(())
    }
}
