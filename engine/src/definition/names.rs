//! The names that a CEL expression uses, found in its syntax tree.

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};

/// A name that an expression takes from its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A variable on its own, for example `now`.
    Variable(String),
    /// A member of a variable, written `health.status` or `health["status"]`.
    Member {
        /// The variable.
        variable: String,
        /// The member taken of it.
        member: String,
    },
}

/// All names in the order in which they are written, without the variables that a macro such as `all` binds.
pub fn names(expression: &Expr) -> Vec<Name> {
    let mut walk = Walk::default();
    walk.expression(expression);
    walk.found
}

#[derive(Default)]
struct Walk {
    found: Vec<Name>,
    /// Variables of the macros around the place that is looked at.
    bound: Vec<String>,
}

impl Walk {
    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                if self.is_free(name) {
                    self.found.push(Name::Variable(name.clone()));
                }
            }
            Expr::Select(select) => self.member(&select.operand.expr, &select.field),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => list.elements.iter().for_each(|element| self.expression(&element.expr)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(fields) => fields.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(comprehension) => {
                self.expression(&comprehension.iter_range.expr);
                self.expression(&comprehension.accu_init.expr);
                let outside = self.bound.len();
                self.bound.push(comprehension.iter_var.clone());
                self.bound.extend(comprehension.iter_var2.clone());
                self.bound.push(comprehension.accu_var.clone());
                for inner in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.expression(&inner.expr);
                }
                self.bound.truncate(outside);
            }
        }
    }

    fn call(&mut self, call: &CallExpr) {
        if let ("_[_]", [operand, index]) = (call.func_name.as_str(), call.args.as_slice())
            && let Expr::Literal(LiteralValue::String(member)) = &index.expr
        {
            return self.member(&operand.expr, member.inner());
        }
        for inner in call.target.as_deref().into_iter().chain(&call.args) {
            self.expression(&inner.expr);
        }
    }

    fn member(&mut self, operand: &Expr, member: &str) {
        match operand {
            Expr::Ident(variable) if self.is_free(variable) => {
                self.found.push(Name::Member { variable: variable.clone(), member: member.to_owned() });
            }
            _ => self.expression(operand),
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.expression(&field.value.expr),
            EntryExpr::MapEntry(entry) => {
                self.expression(&entry.key.expr);
                self.expression(&entry.value.expr);
            }
        }
    }

    /// Names with `@` are made by macros.
    fn is_free(&self, name: &str) -> bool {
        !name.starts_with('@') && !self.bound.iter().any(|bound| bound == name)
    }
}

#[cfg(test)]
mod tests {
    use cel::Program;

    use super::*;

    fn of(expression: &str) -> Vec<String> {
        let program = Program::compile(expression).expect("the expression is CEL");
        names(&program.expression().expr)
            .into_iter()
            .map(|name| match name {
                Name::Variable(variable) => variable,
                Name::Member { variable, member } => format!("{variable}.{member}"),
            })
            .collect()
    }

    #[test]
    fn members_are_found_however_they_are_written() {
        assert_eq!(of("health.status == 'a' && health . age > 1"), ["health.status", "health.age"]);
        assert_eq!(of("health['status'] == 'a'"), ["health.status"]);
        assert_eq!(of("has(steps.dry_run.status) && now > now"), ["steps.dry_run", "now", "now"]);
        assert_eq!(of("{'a': [tenant.kind]}.size() > 0"), ["tenant.kind"]);
    }

    #[test]
    fn text_and_comments_name_nothing() {
        assert_eq!(of(r#""a\"tenant.x" == '''b ' tenant.y''' // tenant.z"#), [""; 0]);
    }

    #[test]
    fn what_a_macro_binds_is_no_name_from_outside() {
        assert_eq!(of("steps.all(s, steps[s].status == 'done')"), ["steps", "steps"]);
        assert_eq!(of("[1].exists(health, health > 0) && health.status == 'a'"), ["health.status"]);
    }
}
