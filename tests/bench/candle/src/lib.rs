//! The bindings: conversion only.

use wasm_bindgen::prelude::*;

mod model;

#[wasm_bindgen]
pub struct CandleClip(model::CandleClip);

#[wasm_bindgen]
impl CandleClip {
    #[wasm_bindgen(constructor)]
    pub fn new(config: &[u8], weights: Vec<u8>) -> Result<Self, JsError> {
        Ok(Self(model::CandleClip::load(config, weights)?))
    }

    pub fn embed(&self, pixels: &[f32], count: usize) -> Result<Vec<f32>, JsError> {
        Ok(self.0.embed(pixels, count)?)
    }
}
