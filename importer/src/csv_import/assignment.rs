//! Gives each field at most one column, and each column at most one field, so that the scores add up to the most.
//!
//! One column after another could be given its best field, but then a column that fits two fields takes the one that
//! another column fits alone.

/// For every row of `scores` (a field) the column that it gets, or none. Scores of 0 or less are never used; rows may be
/// of different lengths, and a missing score counts as 0.
///
/// The method of successive shortest paths with potentials, after Kuhn and Munkres: for `n` fields and `m` columns it
/// takes `n² · (n + m)` steps, which with a few dozen fields and a thousand columns is nothing.
pub(super) fn assign(scores: &[Vec<u32>]) -> Vec<Option<usize>> {
    let fields = scores.len();
    let real = scores.iter().map(Vec::len).max().unwrap_or(0);
    // A column of its own for every field that had better get none.
    let columns = real + fields;
    let cost = |field: usize, column: usize| -> i64 {
        let score = scores.get(field).and_then(|row| row.get(column)).copied().unwrap_or(0);
        -i64::from(score)
    };
    // Index 0 stands for "none" in both directions; fields and columns count from 1.
    let mut field_potential = vec![0_i64; fields + 1];
    let mut column_potential = vec![0_i64; columns + 1];
    let mut holder = vec![0_usize; columns + 1];
    for field in 1..=fields {
        let mut cheapest = vec![i64::MAX; columns + 1];
        let mut from = vec![0_usize; columns + 1];
        let mut visited = vec![false; columns + 1];
        let mut at = 0;
        set(&mut holder, 0, field);
        while get(&holder, at) != 0 {
            set(&mut visited, at, true);
            let held = get(&holder, at);
            let (mut step, mut next) = (i64::MAX, 0);
            for column in (1..=columns).filter(|column| !get(&visited, *column)) {
                let reduced = cost(held - 1, column - 1) - get(&field_potential, held) - get(&column_potential, column);
                if reduced < get(&cheapest, column) {
                    set(&mut cheapest, column, reduced);
                    set(&mut from, column, at);
                }
                if get(&cheapest, column) < step {
                    step = get(&cheapest, column);
                    next = column;
                }
            }
            for column in 0..=columns {
                if get(&visited, column) {
                    let held = get(&holder, column);
                    add(&mut field_potential, held, step);
                    add(&mut column_potential, column, -step);
                } else if get(&cheapest, column) != i64::MAX {
                    add(&mut cheapest, column, -step);
                }
            }
            at = next;
        }
        while at != 0 {
            let before = get(&from, at);
            let moved = get(&holder, before);
            set(&mut holder, at, moved);
            at = before;
        }
    }
    let mut given = vec![None; fields];
    for (column, field) in holder.iter().enumerate().skip(1).filter(|(_, field)| **field != 0) {
        if cost(field - 1, column - 1) < 0 {
            set(&mut given, field - 1, Some(column - 1));
        }
    }
    given
}

fn get<T: Copy + Default>(values: &[T], at: usize) -> T {
    values.get(at).copied().unwrap_or_default()
}

fn set<T>(values: &mut [T], at: usize, value: T) {
    if let Some(place) = values.get_mut(at) {
        *place = value;
    }
}

fn add(values: &mut [i64], at: usize, more: i64) {
    if let Some(place) = values.get_mut(at) {
        *place += more;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(scores: &[Vec<u32>], given: &[Option<usize>]) -> u32 {
        scores.iter().zip(given).filter_map(|(row, column)| row.get((*column)?)).sum()
    }

    /// The best total by trying everything.
    fn best(scores: &[Vec<u32>], taken: &mut Vec<usize>) -> u32 {
        let Some((row, rest)) = scores.split_first() else { return 0 };
        let mut most = best(rest, taken);
        for (column, score) in row.iter().enumerate() {
            if !taken.contains(&column) {
                taken.push(column);
                most = most.max(score + best(rest, taken));
                taken.pop();
            }
        }
        most
    }

    #[test]
    fn a_column_yields_to_where_it_is_needed() {
        // The first column fits both fields, and the second field fits no other.
        assert_eq!(assign(&[vec![60, 50], vec![55, 0]]), [Some(1), Some(0)]);
        assert_eq!(assign(&[vec![0, 0], vec![0, 7]]), [None, Some(1)]);
        assert_eq!(assign(&[]), Vec::<Option<usize>>::new());
        assert_eq!(assign(&[vec![], vec![]]), [None, None]);
    }

    proptest! {
        #[test]
        fn nothing_is_better_and_nothing_is_given_twice(
            scores in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(0_u32), 1..100_u32], 5), 0..5),
        ) {
            let given = assign(&scores);
            let mut columns: Vec<_> = given.iter().flatten().collect();
            columns.sort_unstable();
            columns.dedup();
            prop_assert_eq!(columns.len(), given.iter().flatten().count());
            prop_assert_eq!(total(&scores, &given), best(&scores, &mut Vec::new()));
            for (row, column) in scores.iter().zip(&given) {
                prop_assert!(column.is_none_or(|column| row.get(column).is_some_and(|score| *score > 0)));
            }
        }
    }
}
