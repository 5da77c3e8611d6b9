//! Where a setting comes from: flags before the environment, before a file, before what holds where nobody says anything.
//!
//! Every setting is a flag and has a variable in the environment; a file may have it under the flag's name. Which settings there
//! are, what they mean and which must not be shown is known from the flags alone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::json;
use workbench_positions::{Document, Fault, Faults, Node, Value, did_you_mean, render};

/// Variable that names the file.
const VARIABLE: &str = "WORKBENCH_CONFIG";
/// What is shown in the place of a value that may hold a password.
const HIDDEN: &str = "(hidden)";

/// `workbench config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Print JSON, with what each setting means
    #[arg(long)]
    json: bool,
    /// Command whose settings are shown, with flags of it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "serve", value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What a file says, by the names of flags.
#[derive(Debug, Default)]
pub struct Configuration {
    file: Option<PathBuf>,
    values: BTreeMap<String, Vec<String>>,
}

impl Configuration {
    /// Reads the file that `--config` or the environment names, if one does.
    ///
    /// # Errors
    /// Every fault of it, with its place.
    pub fn read(arguments: &[OsString], command: &Command) -> Result<Self> {
        let Some(path) = named(arguments) else { return Ok(Self::default()) };
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(&path).into_diagnostic().wrap_err_with(|| format!("`{name}` cannot be read"))?;
        let values = values(&name, &text, &settings(command))
            .map_err(|faults| miette!("the configuration has faults:\n{}", render(&faults)))?;
        Ok(Self { file: Some(path), values })
    }

    /// The command with what the file says in the place of what holds where nobody says anything.
    pub fn apply(&self, command: Command) -> Command {
        command
            .mut_args(|arg| match setting(&arg).and_then(|name| self.values.get(name)) {
                Some(values) => arg.default_values(values.clone()),
                None => arg,
            })
            .mut_subcommands(|command| self.apply(command))
    }
}

/// What the flags, the environment and the file come to.
pub fn show(args: &ConfigArgs, command: &Command, configuration: &Configuration) -> Result<ExitCode> {
    let whole = [OsString::from("workbench")].into_iter().chain(args.command.iter().cloned());
    let matches = command.clone().try_get_matches_from(whole).unwrap_or_else(|error| error.exit());
    let Some((name, matches)) = matches.subcommand() else { return Err(miette!("name a command, such as `serve`")) };
    let shown: Vec<Shown> = command
        .find_subcommand(name)
        .into_iter()
        .flat_map(Command::get_arguments)
        .filter_map(|arg| Shown::of(arg, matches, configuration))
        .collect();
    if args.json {
        let all: serde_json::Map<String, serde_json::Value> = shown
            .into_iter()
            .map(|one| {
                let told =
                    json!({ "value": one.value, "source": one.source, "variable": one.variable, "means": one.means });
                (one.name, told)
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&all).into_diagnostic()?);
    } else {
        let widest = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or(0);
        let (names, values) = (widest(|one| one.name.len()), widest(|one| one.told().chars().count()).min(60));
        for one in &shown {
            println!("{:<names$}  {:<values$}  {}", one.name, one.told(), one.source);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A setting as it is.
struct Shown {
    name: String,
    value: Option<String>,
    source: String,
    variable: String,
    means: String,
}

impl Shown {
    fn of(arg: &Arg, matches: &ArgMatches, configuration: &Configuration) -> Option<Self> {
        let (name, id) = (setting(arg)?, arg.get_id().as_str());
        let variable = arg.get_env()?.to_string_lossy().into_owned();
        let raw = matches
            .get_raw(id)
            .map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>().join(","));
        let source = match (matches.value_source(id), &configuration.file) {
            (Some(ValueSource::CommandLine), _) => "flag".to_owned(),
            (Some(ValueSource::EnvVariable), _) => variable.clone(),
            (Some(_), Some(file)) if configuration.values.contains_key(name) => file.display().to_string(),
            _ => "default".to_owned(),
        };
        let hides = arg.is_hide_env_values_set();
        let value = raw.map(|value| if hides { HIDDEN.to_owned() } else { value });
        let means = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some(Self { name: name.to_owned(), value, source, variable, means })
    }

    fn told(&self) -> &str {
        self.value.as_deref().unwrap_or("–")
    }
}

/// The name of a flag that is a setting: one with a variable of the environment.
fn setting(arg: &Arg) -> Option<&str> {
    let variable = arg.get_env()?;
    arg.get_long().filter(|_| variable != VARIABLE)
}

/// Names of all settings of all commands.
fn settings(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(setting).map(str::to_owned);
    let mut names: Vec<String> = own.chain(command.get_subcommands().flat_map(settings)).collect();
    names.sort();
    names.dedup();
    names
}

/// The file that `--config` or the environment names. Whatever comes behind `--` is no flag.
fn named(arguments: &[OsString]) -> Option<PathBuf> {
    let flags = || arguments.iter().take_while(|argument| *argument != "--");
    let apart = flags().skip_while(|argument| *argument != "--config").nth(1);
    let joined = flags().find_map(|argument| argument.to_str()?.strip_prefix("--config=")).map(OsString::from);
    let found = apart.cloned().or(joined).or_else(|| std::env::var_os(VARIABLE));
    found.filter(|path| !path.is_empty()).map(|path| Path::new(&path).to_owned())
}

fn values(file: &str, text: &str, known: &[String]) -> Result<BTreeMap<String, Vec<String>>, Vec<Fault>> {
    let document = Document::new(file, text, "what `workbench config` prints");
    let root = document.tree()?;
    let mut found = Faults::default();
    let mut values = BTreeMap::new();
    match &root.value {
        Value::Map(members) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            for (name, at, node) in members {
                if !known.contains(&name.as_str()) {
                    found.add(*at, "unknown_key", format!("there is no setting `{name}`"), did_you_mean(name, &known));
                } else if let Some(said) = said(node) {
                    if values.insert(name.clone(), said).is_some() {
                        found.add(*at, "duplicate_key", format!("`{name}` stands here twice"), "Keep one of them.");
                    }
                } else {
                    let cause = format!(
                        "`{name}` must be a text, a number, true or false, or a list, not {}",
                        node.value.describe()
                    );
                    found.add(node.at, "wrong_type", cause, "Write what would stand behind the flag.");
                }
            }
        }
        Value::Null => {}
        other => {
            let cause = format!("a configuration must be a mapping, not {}", other.describe());
            found.add(root.at, "wrong_type", cause, "Write one setting in each line: `listen: 127.0.0.1:8080`.");
        }
    }
    document.sound(found)?;
    Ok(values)
}

/// A value as it would stand behind the flag, once for each time that the flag would be given.
fn said(node: &Node) -> Option<Vec<String>> {
    let one = |node: &Node| match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    };
    match &node.value {
        Value::List(items) => items.iter().map(one).collect(),
        _ => one(node).map(|said| vec![said]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<String> {
        ["listen", "lease", "probe-allow"].map(str::to_owned).to_vec()
    }

    #[test]
    fn values_are_what_would_stand_behind_the_flag() {
        let text = "listen: 127.0.0.1:1\nlease: 3s\nprobe-allow: [a:1, b:2]\n";
        let values = values("a.yaml", text, &known()).expect("it is sound");
        assert_eq!(values["listen"], ["127.0.0.1:1"]);
        assert_eq!(values["probe-allow"], ["a:1", "b:2"]);
        assert!(super::values("a.yaml", "", &known()).is_ok_and(|values| values.is_empty()));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let faults =
            values("a.yaml", "lisen: 1\nlease: { a: 1 }\nlisten: x\nlisten: y\n", &known()).expect_err("faulty");
        let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column, fault.code)).collect();
        assert_eq!(told, [(1, 1, "unknown_key"), (2, 8, "wrong_type"), (4, 1, "duplicate_key")]);
        assert_eq!(faults[0].suggestion, "Did you mean `listen`?");
    }

    #[test]
    fn the_file_is_named_by_flag() {
        let of = |arguments: &[&str]| named(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["workbench", "serve", "--config", "a.yaml"]), Some("a.yaml".into()));
        assert_eq!(of(&["workbench", "--config=b.yaml", "serve"]), Some("b.yaml".into()));
    }
}
