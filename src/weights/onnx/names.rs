//! Which weight of a graph is which tensor of a model: the weighted parts of its towers come in an order that cannot be
//! another one, but for the linear layers before an attention, which the attention itself tells apart. A file for each family
//! says the order.

use super::parts::{AttentionInput, Origin, Part, PartKind, TEXT, VISION};
use crate::error::Result;
use crate::weights::invalid;
use std::collections::BTreeMap;

mod clip;
pub(super) mod dinov2;
mod siglip;

/// Origins of tensors by their names, which are those of transformers.
pub(super) type Names = BTreeMap<String, Origin>;

/// What cosines are multiplied by, as its logarithm, and what is added then.
pub(super) const LOGIT_SCALE: &str = "logit_scale";
pub(super) const LOGIT_BIAS: &str = "logit_bias";

/// The families whose ONNX files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnnxFamily {
    #[default]
    Clip,
    Siglip,
    Dinov2,
}

impl OnnxFamily {
    /// In words, for errors.
    fn called(self) -> &'static str {
        match self {
            Self::Clip => "CLIP",
            Self::Siglip => "SigLIP",
            Self::Dinov2 => "DINOv2",
        }
    }
}

/// # Errors
/// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): the graph is that of no model of the family.
pub(super) fn names(parts: &[Part], family: OnnxFamily) -> Result<Names> {
    let mut names = Names::new();
    let seen_by = |tower: u8| parts.iter().filter(move |part| part.seen == tower).collect::<Vec<_>>();
    let (vision, text) = (seen_by(VISION), seen_by(TEXT));
    if vision.is_empty() && text.is_empty() {
        let called = family.called();
        return Err(invalid(format!("the ONNX file has neither the vision tower nor the text tower of a {called}")));
    }
    if !vision.is_empty() {
        let mut tower = Tower { parts: vision, at: 0, names: &mut names, called: "vision tower", family };
        match family {
            OnnxFamily::Clip => clip::vision(&mut tower)?,
            OnnxFamily::Siglip => siglip::vision(&mut tower)?,
            OnnxFamily::Dinov2 => dinov2::vision(&mut tower)?,
        }
        tower.end()?;
    }
    if !text.is_empty() {
        let mut tower = Tower { parts: text, at: 0, names: &mut names, called: "text tower", family };
        match family {
            OnnxFamily::Clip => clip::text(&mut tower)?,
            OnnxFamily::Siglip => siglip::text(&mut tower)?,
            OnnxFamily::Dinov2 => {}
        }
        tower.end()?;
    }
    for (kind, name) in [(PartKind::LogitScale, LOGIT_SCALE), (PartKind::LogitBias, LOGIT_BIAS)] {
        if let Some(part) = parts.iter().find(|part| part.kind == kind) {
            names.insert(name.to_owned(), part.weight.clone());
        }
    }
    Ok(names)
}

/// What a layer's parts are called, behind the layer's number.
struct LayerNames {
    norms: [&'static str; 2],
    /// Of queries, keys and values, and after them.
    attention: [&'static str; 4],
    mlp: [&'static str; 2],
    /// Of what attention and MLP are multiplied by, in families that do so.
    scales: Option<[&'static str; 2]>,
}

/// The parts of a tower on the way to their names.
struct Tower<'a> {
    parts: Vec<&'a Part>,
    /// The next one.
    at: usize,
    names: &'a mut Names,
    called: &'static str,
    family: OnnxFamily,
}

impl<'a> Tower<'a> {
    /// Layers of an encoder: a norm, attention, a norm, two linear layers.
    fn layers(&mut self, encoder: &str, names: &LayerNames) -> Result<()> {
        let LayerNames { norms, attention: [query, key, value, out], mlp, scales } = names;
        let is_attention = |part: Option<&&Part>| matches!(part, Some(Part { kind: PartKind::Linear(Some(_)), .. }));
        for index in 0.. {
            if !is_attention(self.parts.get(self.at + 1)) {
                break;
            }
            let name = |part: &str| format!("{encoder}.{index}.{part}");
            self.tensor(PartKind::Norm, &name(norms[0]))?;
            // In any order.
            for _ in 0..3 {
                let part = match self.peek() {
                    Some(PartKind::Linear(Some(AttentionInput::Query))) => query,
                    Some(PartKind::Linear(Some(AttentionInput::Key))) => key,
                    Some(PartKind::Linear(Some(AttentionInput::Value))) => value,
                    _ => return Err(self.other(&name(query))),
                };
                self.any(&name(part))?;
            }
            self.tensor(PartKind::Linear(None), &name(out))?;
            if let Some([scale, _]) = scales {
                self.vector(PartKind::LayerScale, &name(scale))?;
            }
            self.tensor(PartKind::Norm, &name(norms[1]))?;
            self.tensor(PartKind::Linear(None), &name(mlp[0]))?;
            self.tensor(PartKind::Linear(None), &name(mlp[1]))?;
            if let Some([_, scale]) = scales {
                self.vector(PartKind::LayerScale, &name(scale))?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// There is one part more.
    fn end(&self) -> Result<()> {
        if self.peek().is_some() { Err(self.other("the end")) } else { Ok(()) }
    }

    fn peek(&self) -> Option<PartKind> {
        self.parts.get(self.at).map(|part| part.kind)
    }

    /// The next part, which has to be of this kind: `{name}.weight` and, where it has a bias, `{name}.bias`.
    fn tensor(&mut self, kind: PartKind, name: &str) -> Result<()> {
        if self.peek() != Some(kind) {
            return Err(self.other(name));
        }
        self.any(name)
    }

    fn any(&mut self, name: &str) -> Result<()> {
        let part = self.parts.get(self.at).copied().ok_or_else(|| self.other(name))?;
        self.at += 1;
        if let Some(bias) = &part.bias {
            self.insert(format!("{name}.bias"), bias)?;
        }
        self.insert(format!("{name}.weight"), &part.weight)
    }

    /// The next part, which has a name of its own.
    fn vector(&mut self, kind: PartKind, name: &str) -> Result<()> {
        let part = self.parts.get(self.at).copied().filter(|part| part.kind == kind).ok_or_else(|| self.other(name))?;
        self.at += 1;
        self.insert(name.to_owned(), &part.weight)
    }

    fn insert(&mut self, name: String, origin: &Origin) -> Result<()> {
        match self.names.insert(name, origin.clone()) {
            None => Ok(()),
            Some(_) => Err(self.other("another tensor")),
        }
    }

    /// The error of a part that is not what the family has there.
    fn other(&self, expected: &str) -> crate::error::Error {
        let found = match self.parts.get(self.at) {
            Some(part) => format!("{:?} (initializer {})", part.kind, part.weight.data),
            None => "nothing more".to_owned(),
        };
        let (tower, family) = (self.called, self.family.called());
        invalid(format!(
            "the ONNX graph is that of no {family}: in its {tower}, in place of {expected}, there is {found}"
        ))
    }
}
