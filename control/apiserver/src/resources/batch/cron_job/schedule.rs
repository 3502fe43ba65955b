//! Cron schedules: what is wrong with one, in the words of upstream's parser.

/// The fields of a schedule, in order: lowest and highest value, and names.
const FIELDS: [(u32, u32, &[&str]); 5] = [
    (0, 59, &[]),
    (0, 23, &[]),
    (1, 31, &[]),
    (1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    (0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

const DESCRIPTORS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// The first fault of a schedule.
pub(super) fn fault(text: &str) -> Option<String> {
    if text.contains("TZ") {
        return Some("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned());
    }
    if text.starts_with('@') {
        return descriptor_fault(text);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
    }
    fields.iter().zip(FIELDS).find_map(|(field, of)| field.split(',').find_map(|range| range_fault(range, of)))
}

fn descriptor_fault(text: &str) -> Option<String> {
    if DESCRIPTORS.contains(&text) {
        return None;
    }
    match text.strip_prefix("@every ") {
        Some(duration) if is_duration(duration) => None,
        Some(duration) => {
            let quoted = crate::field::quote(duration);
            Some(format!("failed to parse duration {text}: time: invalid duration {quoted}"))
        }
        None => Some(format!("unrecognized descriptor: {text}")),
    }
}

/// `1h30m`, `1.5s`: numbers, each with a unit.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let units = ["ns", "us", "µs", "ms", "s", "m", "h"];
        let unit = units.iter().filter(|unit| after.starts_with(**unit)).max_by_key(|unit| unit.len());
        let (Some(unit), true) = (unit, after.len() < rest.len()) else { return false };
        rest = &after[unit.len()..];
    }
    !text.is_empty()
}

fn range_fault(range: &str, (min, max, names): (u32, u32, &[&str])) -> Option<String> {
    let (span, step) = range.split_once('/').map_or((range, None), |(span, step)| (span, Some(step)));
    let ends: Vec<&str> = span.split('-').collect();
    let bounds = match ends.as_slice() {
        ["*" | "?"] => Ok((min, max)),
        [one] => number(one, names).map(|n| (n, if step.is_some() { max } else { n })),
        [first, last] => number(first, names).and_then(|first| Ok((first, number(last, names)?))),
        _ => Err(format!("too many hyphens: {range}")),
    };
    let (first, last) = match bounds {
        Ok(bounds) => bounds,
        Err(fault) => return Some(fault),
    };
    let step = match step.map(|step| number(step, &[])) {
        Some(Err(fault)) => return Some(fault),
        Some(Ok(step)) => step,
        None => 1,
    };
    let rows = [
        (first < min, format!("beginning of range ({first}) below minimum ({min}): {range}")),
        (last > max, format!("end of range ({last}) above maximum ({max}): {range}")),
        (first > last, format!("beginning of range ({first}) beyond end of range ({last}): {range}")),
        (step == 0, format!("step of range should be a positive number: {range}")),
    ];
    rows.into_iter().find(|(wrong, _)| *wrong).map(|(_, fault)| fault)
}

fn number(text: &str, names: &[&str]) -> Result<u32, String> {
    let named = names.iter().position(|name| *name == text.to_lowercase());
    if let Some(place) = named.and_then(|place| u32::try_from(place).ok()) {
        // Months are counted from one, days of the week from zero.
        return Ok(if names.len() == 12 { place + 1 } else { place });
    }
    text.parse().map_err(|_| {
        format!("failed to parse int from {text}: strconv.Atoi: parsing {}: invalid syntax", crate::field::quote(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_refused_in_upstreams_words() {
        let rows = [
            ("*/5 * * * *", None),
            ("0 0 1 JAN MON-FRI", None),
            ("@every 1h30m", None),
            ("@hourly", None),
            ("often", Some("expected exactly 5 fields, found 1: [often]")),
            ("60 * * * *", Some("end of range (60) above maximum (59): 60")),
            ("5-1 * * * *", Some("beginning of range (5) beyond end of range (1): 5-1")),
            ("@sometimes", Some("unrecognized descriptor: @sometimes")),
        ];
        for (text, expected) in rows {
            assert_eq!(fault(text).as_deref(), expected, "{text}");
        }
    }
}
