//! Severities: OpenTelemetry's 24 numbers and their names.

/// First number of each class of four.
const CLASSES: [(&str, i32); 6] =
    [("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21)];

/// Other spellings of the classes, as loggers write them.
const ALIASES: [(&str, &str); 6] = [
    ("information", "info"),
    ("warning", "warn"),
    ("err", "error"),
    ("crit", "fatal"),
    ("critical", "fatal"),
    ("panic", "fatal"),
];

/// The numbers a name stands for: `error` is 17 to 20, `error3` is 19. `None` for other names.
pub(super) fn class_of(name: &str) -> Option<(i32, i32)> {
    let name = name.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name.as_str(), |(_, class)| class);
    CLASSES.iter().find_map(|(class, first)| match name.strip_prefix(class)? {
        "" => Some((*first, first + 3)),
        "2" => Some((first + 1, first + 1)),
        "3" => Some((first + 2, first + 2)),
        "4" => Some((first + 3, first + 3)),
        _ => None,
    })
}

/// The classes' names, from harmless to bad.
pub(super) const CLASS_NAMES: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// The place of a record's class in [`CLASS_NAMES`], counted from 1; 0 for a record without one.
pub(super) fn class_number(number: i32, text: Option<&str>) -> usize {
    match effective_number(number, text) {
        1.. => usize::try_from((effective_number(number, text) - 1) / 4 + 1)
            .map_or(0, |class| class.min(CLASS_NAMES.len())),
        _ => 0,
    }
}

/// What a record's severity is called: its class or, where it has none, its own text in lower case.
pub(crate) fn class_name(number: i32, text: Option<&str>) -> Option<String> {
    match class_number(number, text) {
        0 => text.filter(|text| !text.is_empty()).map(str::to_lowercase),
        class => CLASS_NAMES.get(class - 1).map(|name| (*name).to_owned()),
    }
}

/// The number a record counts as: its own or, when it has only a text, the first that the text's name stands for.
pub(super) fn effective_number(number: i32, text: Option<&str>) -> i32 {
    match text {
        Some(text) if number == 0 => class_of(text).map_or(0, |(first, _)| first),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_numbers() {
        let cases = [
            ("ERROR", Some((17, 20))),
            ("Error3", Some((19, 19))),
            ("warning", Some((13, 16))),
            ("CRITICAL", Some((21, 24))),
            ("error5", None),
            ("notice", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(class_of(name), expected, "{name}");
        }
        assert_eq!(class_name(18, None).as_deref(), Some("error"));
        assert_eq!(class_name(0, Some("Warning")).as_deref(), Some("warn"));
        assert_eq!(class_name(0, Some("Notice")).as_deref(), Some("notice"));
        assert_eq!(class_name(99, Some("x")).as_deref(), Some("fatal"));
        assert_eq!([class_name(0, Some("")), class_name(-3, None)], [None, None]);
        assert_eq!(effective_number(0, Some("WARN")), 13);
        assert_eq!(effective_number(9, Some("WARN")), 9);
    }
}
