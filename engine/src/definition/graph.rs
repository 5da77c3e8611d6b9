//! The graph of `needs`.

use std::collections::BTreeMap;

/// A cycle as a path that ends where it begins, if there is one.
pub fn cycle<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    let mut finished: Vec<&str> = Vec::new();
    for start in needs.keys() {
        let mut path = vec![*start];
        // The place among each step's needs at which the walk goes on.
        let mut places = vec![0];
        while let (Some(step), Some(place)) = (path.last().copied(), places.last_mut()) {
            let next = needs.get(step).and_then(|all| all.get(*place)).copied();
            *place += 1;
            match next {
                None => {
                    finished.push(step);
                    path.pop();
                    places.pop();
                }
                Some(next) => {
                    if let Some(begin) = path.iter().position(|seen| *seen == next) {
                        let mut found = path.split_off(begin);
                        found.push(next);
                        return Some(found);
                    }
                    if !finished.contains(&next) {
                        path.push(next);
                        places.push(0);
                    }
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_shown_as_a_path() {
        let needs = BTreeMap::from([("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"])]);
        assert_eq!(cycle(&needs), Some(vec!["b", "c", "b"]));
    }

    #[test]
    fn a_diamond_is_no_cycle() {
        let needs = BTreeMap::from([("a", vec!["b", "c"]), ("b", vec!["d"]), ("c", vec!["d"]), ("d", vec![])]);
        assert_eq!(cycle(&needs), None);
    }
}
