//! Sets of indexes as users write them: `0,3-5`.

/// How many indexes below `completions` a text names, or what is wrong with it.
pub(super) fn count(text: &str, completions: i64) -> Result<i64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let mut total = 0;
    let mut last = None;
    for fragment in text.split(',') {
        let (first, end) = interval(fragment, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(disordered(last, first));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

fn interval(fragment: &str, completions: i64) -> Result<(i64, i64), String> {
    let parts: Vec<&str> = fragment.split('-').collect();
    if parts.len() > 2 {
        let rule = "violates the requirement that an index interval can have at most two parts separated by '-'";
        return Err(format!("the fragment {fragment:?} {rule}"));
    }
    let limit = |text: &str| -> Result<i64, String> {
        let number: i64 = text.parse().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
        if number >= completions { Err(format!("too large index: {text:?}")) } else { Ok(number) }
    };
    let first = limit(parts.first().copied().unwrap_or_default())?;
    let Some(end) = parts.get(1) else { return Ok((first, first)) };
    let end = limit(end)?;
    if first >= end { Err(disordered(first, end)) } else { Ok((first, end)) }
}

fn disordered(previous: i64, current: i64) -> String {
    format!("non-increasing order, previous: {previous}, current: {current}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_ordered_and_below_the_completions() {
        let rows = [
            ("", Ok(0)),
            ("0,2-4", Ok(4)),
            ("0-5", Err("too large index: \"5\"")),
            ("1-", Err("cannot convert string to integer for index: \"\"")),
            ("3,2", Err("non-increasing order, previous: 3, current: 2")),
        ];
        for (text, answer) in rows {
            assert_eq!(count(text, 5), answer.map_err(str::to_owned), "{text}");
        }
    }
}
