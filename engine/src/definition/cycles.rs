//! The graph of `needs`.

use std::collections::{BTreeMap, BTreeSet};

/// Cycles, each as a path that ends where it begins. A step is in at most one of them: of cycles that meet, the
/// first is told, and the rest once it is gone.
pub fn cycles<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<Vec<&'a str>> {
    let mut found = Vec::new();
    let mut finished: BTreeSet<&str> = BTreeSet::new();
    for start in needs.keys() {
        // Each step of the path with the place among its needs at which the walk goes on.
        let mut path = if finished.contains(start) { vec![] } else { vec![(*start, 0)] };
        while let Some((step, place)) = path.last_mut() {
            let next = needs.get(step).and_then(|all| all.get(*place)).copied();
            *place += 1;
            match next {
                None => {
                    finished.insert(*step);
                    path.pop();
                }
                Some(next) if finished.contains(next) => {}
                Some(next) => match path.iter().position(|(seen, _)| *seen == next) {
                    None => path.push((next, 0)),
                    Some(begin) => {
                        finished.extend(path.iter().map(|(step, _)| *step));
                        let round = path.drain(begin..).map(|(step, _)| step);
                        found.push(round.chain([next]).collect());
                        path.clear();
                    }
                },
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_shown_as_a_path() {
        let needs = BTreeMap::from([("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"])]);
        assert_eq!(cycles(&needs), [vec!["b", "c", "b"]]);
    }

    #[test]
    fn cycles_that_do_not_meet_are_all_told() {
        let needs = BTreeMap::from([("a", vec!["a"]), ("b", vec!["c"]), ("c", vec!["b"]), ("d", vec!["b"])]);
        assert_eq!(cycles(&needs), [vec!["a", "a"], vec!["b", "c", "b"]]);
    }

    #[test]
    fn a_diamond_is_no_cycle() {
        let needs = BTreeMap::from([("a", vec!["b", "c"]), ("b", vec!["d"]), ("c", vec!["d"]), ("d", vec![])]);
        assert!(cycles(&needs).is_empty());
    }
}
