//! `completions` and `man`: what shells and man know of this command line, made of its own description.

use crate::Cli;
use crate::arguments::Outcome;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};

#[derive(Args)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub struct ManArguments {
    /// One of the commands [default: all together]
    command: Option<String>,
}

/// Prints a shell's script.
pub fn completions(asked: &CompletionsArguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, &mut Cli::command(), "clip-vision", &mut script);
    io::stdout().write_all(&script)?;
    Ok(true)
}

/// Prints a page in man's own format.
pub fn man(asked: &ManArguments) -> Outcome {
    let mut command = Cli::command();
    command.build();
    if let Some(name) = &asked.command {
        let found = command.find_subcommand(name).ok_or_else(|| format!("there is no command {name}"))?;
        let full = found.get_bin_name().unwrap_or(name).replace(' ', "-");
        command = found.clone();
        return print_page(clap_mangen::Man::new(command).title(full));
    }
    print_page(clap_mangen::Man::new(command))
}

fn print_page(man: clap_mangen::Man) -> Outcome {
    let mut page = Vec::new();
    man.render(&mut page)?;
    io::stdout().write_all(&page)?;
    Ok(true)
}
