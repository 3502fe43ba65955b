//! Label selectors: `a=b,c in (d,e),!f` (`k8s.io/apimachinery/pkg/labels`), with that parser's errors.

mod parse;

/// Requirements that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted.
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    Absent,
    Greater,
    Less,
}

impl LabelSelector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Upstream's message.
    pub fn parse(text: &str) -> Result<LabelSelector, String> {
        parse::requirements(text).map(LabelSelector)
    }

    /// Whether there are no requirements.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object with these labels, sorted by key, is meant.
    pub fn matches(&self, labels: &[(Box<str>, Box<str>)]) -> bool {
        self.0.iter().all(|requirement| {
            let found = labels.binary_search_by(|(key, _)| (**key).cmp(&requirement.key));
            requirement.holds(found.ok().map(|at| &*labels[at].1))
        })
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = value.is_some_and(|value| self.values.iter().any(|one| one == value));
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let bound = number(self.values.first().map(String::as_str));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::Greater => number(value).zip(bound).is_some_and(|(value, bound)| value > bound),
            Operator::Less => number(value).zip(bound).is_some_and(|(value, bound)| value < bound),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[track_caller]
    fn check(selector: &str, labels: &[(&str, &str)], want: bool) {
        let labels: Vec<(Box<str>, Box<str>)> = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        assert_eq!(LabelSelector::parse(selector).unwrap().matches(&labels), want, "{selector}");
    }

    #[test]
    fn requirements_select() {
        check("a=b", &[("a", "b")], true);
        check("a!=b", &[], true);
        check("a in (b,c),!d", &[("a", "c")], true);
        check("a notin (b,c)", &[("a", "c")], false);
        check("a,b", &[("a", "")], false);
        check("a>1", &[("a", "2")], true);
        check("in in (notin)", &[("in", "notin")], true);
        check("", &[], true);
    }

    #[test]
    fn errors_are_upstreams() {
        let error = |text: &str| LabelSelector::parse(text).unwrap_err();
        assert_eq!(error("="), "found '=', expected: !, identifier, or 'end of string'");
        assert_eq!(error("a in (b"), "unable to parse requirement: found '', expected: ',' or ')'");
        assert_eq!(
            error("a>b"),
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer"
        );
    }
}
