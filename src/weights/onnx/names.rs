//! Which weight of a graph is which tensor of a CLIP: the weighted parts of its towers come in an order that cannot be
//! another one, but for the three linear layers before attention, which attention itself tells apart.

use super::parts::{AttentionInput, Origin, Part, PartKind, TEXT, VISION};
use crate::error::Result;
use crate::weights::invalid;
use std::collections::BTreeMap;

/// Origins of tensors by their names, which are those of transformers.
pub(super) type Names = BTreeMap<String, Origin>;

/// What cosines are multiplied by, as its logarithm.
pub(super) const LOGIT_SCALE: &str = "logit_scale";

/// # Errors
/// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): the graph is that of no CLIP.
pub(super) fn names(parts: &[Part]) -> Result<Names> {
    let mut names = Names::new();
    let seen_by = |tower: u8| parts.iter().filter(move |part| part.seen == tower).collect::<Vec<_>>();
    let (vision, text) = (seen_by(VISION), seen_by(TEXT));
    if vision.is_empty() && text.is_empty() {
        return Err(invalid("the ONNX file has neither the vision tower nor the text tower of a CLIP"));
    }
    if !vision.is_empty() {
        let mut tower = Tower { parts: &vision, at: 0, names: &mut names, called: "vision tower" };
        tower.vision()?;
    }
    if !text.is_empty() {
        let mut tower = Tower { parts: &text, at: 0, names: &mut names, called: "text tower" };
        tower.text()?;
    }
    if let Some(scale) = parts.iter().find(|part| part.kind == PartKind::LogitScale) {
        names.insert(LOGIT_SCALE.to_owned(), scale.weight.clone());
    }
    Ok(names)
}

/// The parts of a tower on the way to their names.
struct Tower<'a> {
    parts: &'a [&'a Part],
    /// The next one.
    at: usize,
    names: &'a mut Names,
    called: &'static str,
}

impl<'a> Tower<'a> {
    fn vision(&mut self) -> Result<()> {
        self.tensor(PartKind::Patches, "vision_model.embeddings.patch_embedding")?;
        self.vector(PartKind::ClassToken, "vision_model.embeddings.class_embedding")?;
        self.tensor(PartKind::Positions, "vision_model.embeddings.position_embedding")?;
        self.tensor(PartKind::Norm, "vision_model.pre_layrnorm")?;
        self.layers("vision_model")?;
        self.tensor(PartKind::Norm, "vision_model.post_layernorm")?;
        self.projection("visual_projection")
    }

    fn text(&mut self) -> Result<()> {
        self.tensor(PartKind::Tokens, "text_model.embeddings.token_embedding")?;
        self.tensor(PartKind::Positions, "text_model.embeddings.position_embedding")?;
        self.layers("text_model")?;
        self.tensor(PartKind::Norm, "text_model.final_layer_norm")?;
        self.projection("text_projection")
    }

    /// Layers of an encoder: a norm, attention, a norm, two linear layers.
    fn layers(&mut self, tower: &str) -> Result<()> {
        let is_attention = |part: Option<&&Part>| matches!(part, Some(Part { kind: PartKind::Linear(Some(_)), .. }));
        for index in 0.. {
            if !is_attention(self.parts.get(self.at + 1)) {
                break;
            }
            let name = |part: &str| format!("{tower}.encoder.layers.{index}.{part}");
            self.tensor(PartKind::Norm, &name("layer_norm1"))?;
            // In any order.
            for _ in 0..3 {
                let part = match self.peek() {
                    Some(PartKind::Linear(Some(AttentionInput::Query))) => "q_proj",
                    Some(PartKind::Linear(Some(AttentionInput::Key))) => "k_proj",
                    Some(PartKind::Linear(Some(AttentionInput::Value))) => "v_proj",
                    _ => return Err(self.other(&name("self_attn"))),
                };
                self.any(&name(&format!("self_attn.{part}")))?;
            }
            self.tensor(PartKind::Linear(None), &name("self_attn.out_proj"))?;
            self.tensor(PartKind::Norm, &name("layer_norm2"))?;
            self.tensor(PartKind::Linear(None), &name("mlp.fc1"))?;
            self.tensor(PartKind::Linear(None), &name("mlp.fc2"))?;
        }
        Ok(())
    }

    /// The last part, where there is one more.
    fn projection(&mut self, name: &str) -> Result<()> {
        if self.peek().is_some() {
            self.tensor(PartKind::Linear(None), name)?;
        }
        if self.peek().is_some() {
            return Err(self.other("the end"));
        }
        Ok(())
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
        let part = self.parts.get(self.at).ok_or_else(|| self.other(name))?;
        self.at += 1;
        if let Some(bias) = &part.bias {
            self.insert(format!("{name}.bias"), bias)?;
        }
        self.insert(format!("{name}.weight"), &part.weight)
    }

    /// The next part, which has a name of its own.
    fn vector(&mut self, kind: PartKind, name: &str) -> Result<()> {
        let part = self.parts.get(self.at).filter(|part| part.kind == kind).ok_or_else(|| self.other(name))?;
        self.at += 1;
        self.insert(name.to_owned(), &part.weight)
    }

    fn insert(&mut self, name: String, origin: &Origin) -> Result<()> {
        match self.names.insert(name, origin.clone()) {
            None => Ok(()),
            Some(_) => Err(self.other("another tensor")),
        }
    }

    /// The error of a part that is not what a CLIP has there.
    fn other(&self, expected: &str) -> crate::error::Error {
        let found = match self.parts.get(self.at) {
            Some(part) => format!("{:?} (initializer {})", part.kind, part.weight.data),
            None => "nothing more".to_owned(),
        };
        let tower = self.called;
        invalid(format!("the ONNX graph is that of no CLIP: in its {tower}, in place of {expected}, there is {found}"))
    }
}
