//! The families beside OpenAI's CLIP, and open_clip's files, against what Python computes (`tests/golden/families`).
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::model::{ConvertOptions, StoredPrecision, convert};
#[cfg(feature = "text")]
use clip_vision::model::{Scores, TextConfig};
use clip_vision::{ClipVision, Image, Options, Precision};
use common::{cosine, golden, max_difference};
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::PathBuf;

struct Golden {
    dir: PathBuf,
    facts: Value,
    tensors: Vec<u8>,
}

impl Golden {
    fn all() -> Vec<Self> {
        Self::all_of("families")
    }

    fn all_of(folder: &str) -> Vec<Self> {
        let mut dirs: Vec<PathBuf> =
            std::fs::read_dir(golden(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        dirs.sort();
        dirs.into_iter().map(Self::read).collect()
    }

    fn read(dir: PathBuf) -> Self {
        let facts = serde_json::from_slice(&std::fs::read(dir.join("expected.json")).unwrap()).unwrap();
        let tensors = std::fs::read(dir.join("expected.safetensors")).unwrap();
        Self { dir, facts, tensors }
    }

    fn tensor(&self, name: &str) -> Vec<f32> {
        let all = SafeTensors::deserialize(&self.tensors).unwrap();
        let bytes = all.tensor(name).unwrap().data();
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn pictures(&self) -> Vec<String> {
        self.facts["pictures"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    fn texts(&self) -> Vec<Vec<u32>> {
        let texts = self.facts.get("texts").and_then(Value::as_array).cloned().unwrap_or_default();
        texts.iter().map(|ids| ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()).collect()
    }

    fn load(&self, options: Options) -> ClipVision {
        ClipVision::from_dir(&self.dir, options).unwrap_or_else(|error| panic!("{}: {error:#}", self.dir.display()))
    }
}

fn picture(name: &str) -> Image {
    Image::from_path(golden("images").join(name)).drop_alpha()
}

/// A vector of length 1 in the same direction.
fn unit(x: &[f32]) -> Vec<f32> {
    let length = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    x.iter().map(|x| x / length).collect()
}

/// The least cosine of pictures and of texts.
fn worst(golden: &Golden, clip: &ClipVision) -> [f64; 2] {
    let pictures = golden.pictures();
    let images: Vec<f64> = pictures
        .iter()
        .map(|name| cosine(&clip.embed(picture(name)).unwrap(), &golden.tensor(&format!("{name}/embedding"))))
        .collect();
    let texts = golden.texts();
    let of_text = |(index, ids): (usize, &Vec<u32>)| {
        cosine(&clip.embed_tokens(ids).unwrap(), &golden.tensor(&format!("text/{index}")))
    };
    let texts: Vec<f64> = texts.iter().enumerate().map(of_text).collect();
    [images, texts].map(|all| all.into_iter().fold(1.0, f64::min))
}

#[test]
fn pixels_are_pythons() {
    for golden in Golden::all() {
        let clip = golden.load(Options::default());
        assert!(!clip.has_default_preprocessing());
        for name in golden.pictures() {
            let pixels = clip.measured_pixels(picture(&name), || 0.0).unwrap().tensor;
            let difference = max_difference(&pixels.data, &golden.tensor(&format!("{name}/pixels")));
            assert!(difference <= 2e-6, "{} {name}: {difference}", golden.dir.display());
        }
    }
}

#[test]
fn embeddings_are_pythons() {
    let all = Golden::all();
    assert_eq!(all.len(), 12);
    for golden in all {
        let clip = golden.load(Options::default());
        let [images, texts] = worst(&golden, &clip);
        println!("{}: 1 - cosine {:.1e} and {:.1e}", golden.dir.display(), 1.0 - images, 1.0 - texts);
        assert!(images.min(texts) >= 0.999_99, "{}: {images}, {texts}", golden.dir.display());
        // A cosine does not tell two GELUs apart; the values do.
        for name in golden.pictures() {
            let python = unit(&golden.tensor(&format!("{name}/embedding")));
            assert!(max_difference(&clip.embed(picture(&name)).unwrap(), &python) <= 2e-6, "{}", golden.dir.display());
        }
        for (index, ids) in golden.texts().iter().enumerate() {
            let python = unit(&golden.tensor(&format!("text/{index}")));
            assert!(max_difference(&clip.embed_tokens(ids).unwrap(), &python) <= 2e-6, "{}", golden.dir.display());
        }
    }
}

#[test]
fn embeddings_in_8_bits_are_near_them() {
    for golden in Golden::all() {
        let clip = golden.load(Options::default().precision(Precision::Int8));
        let [images, texts] = worst(&golden, &clip);
        println!("{}, int8: {images:.6}, {texts:.6}", golden.dir.display());
        // Thirty channels, too odd to be rotated, sixteen patches, and weights that are strong beside those of models people use:
        // errors that a larger model averages away are seen.
        assert!(images >= 0.998 && texts >= 0.999, "{}: {images}, {texts}", golden.dir.display());
    }
    let all = Golden::all_of("families_int8");
    assert_eq!(all.len(), 10);
    for golden in all {
        let least = if golden.dir.display().to_string().contains("outliers") { 0.998 } else { 0.999 };
        let [images, texts] = worst(&golden, &golden.load(Options::default().precision(Precision::Int8)));
        println!("{}, int8: {images:.6}, {texts:.6}", golden.dir.display());
        assert!(images.min(texts) >= least, "{}: {images}, {texts}", golden.dir.display());
        let [images, texts] = worst(&golden, &golden.load(Options::default()));
        assert!(images.min(texts) >= 0.999_99, "{}: {images}, {texts}", golden.dir.display());
    }
}

#[test]
fn probabilities_are_pythons() {
    for golden in Golden::all().iter().filter(|golden| golden.facts["scores"].is_string()) {
        let clip = golden.load(Options::default());
        let text = clip.text().unwrap();
        let texts = golden.texts();
        let labels = text.embed_tokens(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        assert_eq!(clip.scores().unwrap().name(), golden.facts["scores"]);
        let found: Vec<f32> = golden
            .pictures()
            .iter()
            .flat_map(|name| text.probabilities(&clip.embed(picture(name)).unwrap(), &labels).unwrap())
            .collect();
        let difference = max_difference(&found, &golden.tensor("probabilities"));
        assert!(difference <= 1e-5, "{}: {difference}", golden.dir.display());
    }
}

#[test]
fn a_model_without_texts_says_so() {
    let dinov2 = Golden::read(golden("families").join("dinov2")).load(Options::default());
    let error = dinov2.embed_tokens(&[1, 2]).unwrap_err();
    assert!(error.to_string().contains("no text tower"), "{error}");
}

#[cfg(feature = "text")]
#[test]
fn a_model_of_texts_alone_reads_texts_as_python_does_and_says_what_it_is() {
    for name in ["distilbert", "distilbert_tanh"] {
        let golden = Golden::read(golden("families").join(name));
        let clip = golden.load(Options::default());
        assert_eq!((clip.dimension(), clip.image_size(), clip.scores()), (26, 0, Some(Scores::Softmax)));
        let error = clip.embed(picture("rgb-photo.png")).unwrap_err();
        assert_eq!(error.kind(), clip_vision::ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("no vision tower"), "{error}");
        let strings: Vec<&str> =
            golden.facts["strings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let text = clip.text().unwrap();
        for (string, ids) in strings.iter().zip(golden.texts()) {
            assert_eq!(text.tokenize(string).unwrap(), ids, "{string}");
        }
        // Together, though they are of many lengths.
        for (index, found) in clip.embed_texts(&strings).unwrap().iter().enumerate() {
            let difference = max_difference(found, &unit(&golden.tensor(&format!("text/{index}"))));
            assert!(difference <= 2e-6, "{name} {}: {difference}", strings[index]);
        }
    }
}

#[cfg(feature = "text")]
#[test]
fn a_chinese_clip_reads_texts_as_python_does() {
    for (name, longest) in [("chinese_clip", 24), ("chinese_clip_saved", 20)] {
        let golden = Golden::read(golden("families").join(name));
        let clip = golden.load(Options::default());
        let text = clip.text().unwrap();
        let TextConfig { max_position_embeddings, num_positions, .. } = text.config();
        assert_eq!((*max_position_embeddings, *num_positions), (longest, 24));
        let strings: Vec<&str> =
            golden.facts["strings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        for (string, ids) in strings.iter().zip(golden.texts()) {
            assert_eq!(text.tokenize(string).unwrap(), ids, "{name}: {string}");
        }
        // Together, though they are of many lengths.
        for (index, found) in clip.embed_texts(&strings).unwrap().iter().enumerate() {
            let difference = max_difference(found, &unit(&golden.tensor(&format!("text/{index}"))));
            assert!(difference <= 2e-6, "{name} {}: {difference}", strings[index]);
        }
        // One file of ours carries the tokenizer along, whatever it was made of.
        let file = std::env::temp_dir().join(format!("chinese-{name}-{}.safetensors", std::process::id()));
        convert(&golden.dir, &file, &ConvertOptions::default().precision(StoredPrecision::F16)).unwrap();
        let converted = ClipVision::from_file(&file, Options::default()).unwrap();
        let text = converted.text().unwrap();
        std::fs::remove_file(&file).unwrap();
        for (string, ids) in strings.iter().zip(golden.texts()) {
            assert_eq!(text.tokenize(string).unwrap(), ids, "{name}: {string}");
        }
    }
}

#[test]
fn a_chinese_clip_without_its_texts_says_so() {
    let weights = file_of("chinese_clip", "model.safetensors");
    let all = SafeTensors::deserialize(&weights).unwrap();
    let vision = all.tensors().into_iter().filter(|(name, _)| name.starts_with("vis"));
    let weights = safetensors::serialize(vision.collect::<Vec<_>>(), None).unwrap();
    let error = mixed("chinese-vision", "chinese_clip", &[("model.safetensors", weights)]);
    assert!(format!("{error:#}").contains("word_embeddings.weight): they hold the vision tower alone"), "{error:#}");
    let config = br#"{"model_type": "chinese_clip_text_model"}"#;
    let error = mixed("chinese-text", "chinese_clip", &[("config.json", config.to_vec())]);
    assert!(error.to_string().contains("chinese_clip_text_model"), "{error}");
}

#[cfg(feature = "text")]
#[test]
fn modules_decide_on_the_length_and_are_needed() {
    let length = |name: &str| {
        let clip = Golden::read(golden("families").join(name)).load(Options::default().normalize(false));
        clip.embed_text("a dog").unwrap().iter().map(|x| x * x).sum::<f32>().sqrt()
    };
    assert!((length("distilbert") - 1.0).abs() > 1e-2 && (length("distilbert_tanh") - 1.0).abs() < 1e-6);
    let dir = std::env::temp_dir().join(format!("families-modules-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("1_Pooling")).unwrap();
    let copy = |name: &str| std::fs::write(dir.join(name), file_of("distilbert", name)).unwrap();
    let said = |dir: &PathBuf| ClipVision::from_dir(dir, Options::default()).unwrap_err().to_string();
    copy("config.json");
    assert!(said(&dir).contains("modules.json"), "{}", said(&dir));
    ["modules.json", "model.safetensors", "1_Pooling/config.json"].into_iter().for_each(copy);
    assert!(said(&dir).contains("2_Dense/config.json"), "{}", said(&dir));
    std::fs::create_dir_all(dir.join("2_Dense")).unwrap();
    copy("2_Dense/config.json");
    let clip = ClipVision::from_dir(&dir, Options::default()).unwrap();
    let error = clip.embed_text("a dog").unwrap_err();
    assert!(format!("{error:#}").contains("2_Dense/model.safetensors"), "{error:#}");
    std::fs::write(dir.join("2_Dense/model.safetensors"), file_of("distilbert_tanh", "2_Dense/model.safetensors"))
        .unwrap();
    copy("tokenizer.json");
    let error = clip.embed_text("a dog").unwrap_err();
    assert!(error.to_string().contains("linear.bias"), "{error}");
    copy("2_Dense/model.safetensors");
    assert!(clip.embed_text("a dog").is_ok());
    std::fs::remove_dir_all(&dir).unwrap();
}

/// A weights file in two, and the index of both: names and contents.
#[cfg(feature = "text")]
fn in_two(weights: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let all = SafeTensors::deserialize(weights).unwrap();
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let half = |tensor: &str| usize::from(tensor.contains("transformer.layer.1"));
    let parts = [0, 1].map(|part| {
        let tensors = all.tensors().into_iter().filter(|(name, _)| half(name) == part);
        (names[part], safetensors::serialize(tensors.collect::<Vec<_>>(), None).unwrap())
    });
    let map: serde_json::Map<String, Value> =
        all.names().into_iter().map(|name| (name.to_owned(), names[half(name)].into())).collect();
    let index = serde_json::json!({ "metadata": { "total_size": weights.len() }, "weight_map": map });
    parts.into_iter().chain([("model.safetensors.index.json", index.to_string().into_bytes())]).collect()
}

/// The files of a DistilBERT with a linear layer.
#[cfg(feature = "text")]
const MODULES: [&str; 5] = [
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "2_Dense/model.safetensors",
];

#[cfg(feature = "text")]
#[test]
fn several_modules_load_from_memory_and_with_weights_in_several_files() {
    use clip_vision::ModelFiles;
    let read = |name: &str| file_of("distilbert", name);
    let expected = Golden::read(golden("families/distilbert")).load(Options::default()).embed_text("a dog").unwrap();
    let with_modules = |weights: Vec<u8>| {
        let files = ModelFiles::new(read("config.json"), weights).tokenizer(read("tokenizer.json"));
        MODULES.into_iter().fold(files, |files, name| files.other(name, read(name)))
    };
    let load = |files: ModelFiles| ClipVision::from_files(files, Options::default());
    let embed = |files: ModelFiles| load(files).unwrap().embed_text("a dog").unwrap();
    assert_eq!(embed(with_modules(read("model.safetensors"))), expected);
    let shards = in_two(&read("model.safetensors"));
    let sharded =
        || shards.iter().fold(with_modules(Vec::new()), |files, (name, content)| files.other(*name, content.clone()));
    assert_eq!(embed(sharded()), expected);
    for name in ["2_Dense/model.safetensors", "model-00002-of-00002.safetensors"] {
        let mut files = sharded();
        files.others.remove(name);
        let error = load(files).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("not among the files"), "{error}");
    }

    let dir = std::env::temp_dir().join(format!("families-sharded-{}", std::process::id()));
    for folder in ["1_Pooling", "2_Dense"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for name in MODULES.into_iter().chain(["config.json", "tokenizer.json"]) {
        std::fs::write(dir.join(name), read(name)).unwrap();
    }
    shards.iter().for_each(|(name, content)| std::fs::write(dir.join(name), content).unwrap());
    let clip = ClipVision::from_dir(&dir, Options::default()).unwrap();
    assert_eq!(clip.embed_text("a dog").unwrap(), expected);
    let file = dir.join("one.safetensors");
    convert(&dir, &file, &ConvertOptions::default().precision(StoredPrecision::F16)).unwrap();
    let one = ClipVision::from_file(&file, Options::default()).unwrap();
    assert!(cosine(&one.embed_text("a dog").unwrap(), &expected) >= 0.9999);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[cfg(feature = "text")]
#[test]
fn a_transformer_in_a_folder_of_its_own_is_read() {
    use clip_vision::ModelFiles;
    let dir = std::env::temp_dir().join(format!("families-folders-{}", std::process::id()));
    for folder in ["0_Transformer", "1_Pooling", "2_Dense"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    let read = |name: &str| file_of("distilbert", name);
    for name in ["1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"] {
        std::fs::write(dir.join(name), read(name)).unwrap();
    }
    let mut modules: Value = serde_json::from_slice(&read("modules.json")).unwrap();
    modules[0]["path"] = "0_Transformer".into();
    std::fs::write(dir.join("modules.json"), modules.to_string()).unwrap();
    let said = |dir: &PathBuf| format!("{:#}", ClipVision::from_dir(dir, Options::default()).unwrap_err());
    assert!(said(&dir).contains("0_Transformer/config.json"), "{}", said(&dir));
    std::fs::write(dir.join("0_Transformer/config.json"), read("config.json")).unwrap();
    std::fs::write(dir.join("0_Transformer/pytorch_model.bin"), "").unwrap();
    assert!(said(&dir).contains("pytorch_model.bin is not read"), "{}", said(&dir));
    for name in ["model.safetensors", "tokenizer.json"] {
        std::fs::write(dir.join("0_Transformer").join(name), read(name)).unwrap();
    }
    let limit = br#"{"max_seq_length": 7, "do_lower_case": false}"#;
    std::fs::write(dir.join("0_Transformer/sentence_distilbert_config.json"), limit).unwrap();
    let expected = Golden::read(golden("families/distilbert")).load(Options::default()).embed_text("a dog").unwrap();
    let check = |clip: ClipVision| {
        assert_eq!(clip.text().unwrap().config().max_position_embeddings, 7);
        assert_eq!(clip.embed_text("a dog").unwrap(), expected);
    };
    let from_dir = || ClipVision::from_dir(&dir, Options::default()).unwrap();
    check(from_dir());

    // In memory, whether the files of the folder are named with it or without; and with weights in several files.
    let shards = in_two(&read("model.safetensors"));
    for folder in ["", "0_Transformer/"] {
        let mut files = ModelFiles::new(read("config.json"), Vec::new());
        for name in ["1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"] {
            files = files.other(name, read(name));
        }
        let named = |name: &str| format!("{folder}{name}");
        files = files.other("modules.json", modules.to_string()).other(named("tokenizer.json"), read("tokenizer.json"));
        files = files.other(named("sentence_distilbert_config.json"), limit);
        let whole = files.clone().other(named("model.safetensors"), read("model.safetensors"));
        check(ClipVision::from_files(whole, Options::default()).unwrap());
        let sharded = shards.iter().fold(files, |files, (name, content)| files.other(named(name), content.clone()));
        check(ClipVision::from_files(sharded, Options::default()).unwrap());
    }
    std::fs::remove_file(dir.join("0_Transformer/model.safetensors")).unwrap();
    for (name, content) in &shards {
        std::fs::write(dir.join("0_Transformer").join(name), content).unwrap();
    }
    check(from_dir());
    let file = dir.join("one.safetensors");
    convert(&dir, &file, &ConvertOptions::default().precision(StoredPrecision::F16)).unwrap();
    let one = ClipVision::from_file(&file, Options::default()).unwrap();
    assert!(cosine(&one.embed_text("a dog").unwrap(), &expected) >= 0.9999);
    modules[0]["type"] = "sentence_transformers.models.CLIPModel".into();
    std::fs::write(dir.join("modules.json"), modules.to_string()).unwrap();
    assert!(said(&dir).contains("openai/clip-vit-base-patch32"), "{}", said(&dir));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[cfg(feature = "text")]
#[test]
fn a_vocabulary_of_lines_loads_from_memory() {
    use clip_vision::ModelFiles;
    let read = |name: &str| file_of("chinese_clip", name);
    let files = ModelFiles::new(read("config.json"), read("model.safetensors"));
    let files = files.preprocessor(read("preprocessor_config.json")).other("vocab.txt", read("vocab.txt"));
    let limit = br#"{"model_max_length": 9}"#;
    let clip = ClipVision::from_files(files.other("tokenizer_config.json", limit), Options::default()).unwrap();
    let ids = clip.text().unwrap().tokenize(&"海滩上的一只狗".repeat(3)).unwrap();
    assert_eq!(ids.len(), 9);
    assert_eq!(ids[..4], Golden::read(golden("families/chinese_clip")).texts()[0][..4]);
}

/// What comes of loading a folder with the files of a golden, some of them exchanged.
fn loaded(name: &str, of: &str, files: &[(&str, Vec<u8>)]) -> clip_vision::Result<ClipVision> {
    let dir = std::env::temp_dir().join(format!("families-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for file in std::fs::read_dir(golden("families").join(of)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), dir.join(file.file_name())).unwrap();
    }
    files.iter().for_each(|(name, content)| std::fs::write(dir.join(name), content).unwrap());
    let clip = ClipVision::from_dir(&dir, Options::default());
    let clip = clip.and_then(|clip| clip.scores().map_or(Ok(()), |_| clip.text().map(drop)).map(|()| clip));
    std::fs::remove_dir_all(&dir).unwrap();
    clip
}

fn mixed(name: &str, of: &str, files: &[(&str, Vec<u8>)]) -> clip_vision::Error {
    loaded(name, of, files).unwrap_err()
}

#[test]
fn what_fills_up_a_text_its_tokenizer_knows_best() {
    let config = |pad: u32| {
        let mut config: Value = serde_json::from_slice(&file_of("siglip", "config.json")).unwrap();
        config["text_config"]["pad_token_id"] = pad.into();
        ("config.json", config.to_string().into_bytes())
    };
    let tokenizer = |padding: Value| {
        let model = serde_json::json!({
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": { "[UNK]": 3 },
        });
        ("tokenizer.json", serde_json::json!({ "model": model, "padding": padding }).to_string().into_bytes())
    };
    let embedding = |name: &str, files: &[(&str, Vec<u8>)]| {
        loaded(&format!("padding-{name}"), "siglip", files).unwrap().embed_tokens(&[20, 30, 2]).unwrap()
    };
    let (one, seven) = (embedding("one", &[config(1)]), embedding("seven", &[config(7)]));
    assert!(cosine(&one, &seven) < 0.999);
    let said = serde_json::json!({ "strategy": "BatchLongest", "pad_id": 7, "pad_token": "x" });
    assert_eq!(embedding("said", &[config(1), tokenizer(said)]), seven);
    assert_eq!(embedding("unsaid", &[config(7), tokenizer(Value::Null)]), seven);
}

fn file_of(family: &str, name: &str) -> Vec<u8> {
    std::fs::read(golden("families").join(family).join(name)).unwrap()
}

/// The weights of a golden, with one tensor a row shorter.
fn a_row_shorter(file: &[u8], tensor: &str) -> Vec<u8> {
    let all = SafeTensors::deserialize(file).unwrap();
    let views = all.tensors().into_iter().map(|(name, view)| {
        let mut shape = view.shape().to_vec();
        let mut data = view.data();
        if name == tensor {
            data = &data[..data.len() - data.len() / shape[0]];
            shape[0] -= 1;
        }
        (name, safetensors::tensor::TensorView::new(view.dtype(), shape, data).unwrap())
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

#[test]
fn a_fused_weight_of_another_shape_is_refused_by_its_own_name() {
    for (family, weights, tensor) in [
        ("open_clip", "open_clip_model.safetensors", "visual.transformer.resblocks.1.attn.in_proj_weight"),
        ("siglip_timm", "model.safetensors", "visual.trunk.attn_pool.kv.weight"),
        ("siglip", "model.safetensors", "vision_model.head.attention.in_proj_weight"),
    ] {
        let shorter = a_row_shorter(&file_of(family, weights), tensor);
        let error = mixed("fused", family, &[(weights, shorter)]);
        assert_eq!(error.kind(), clip_vision::ErrorKind::Weights, "{error}");
        assert!(error.to_string().contains(tensor) && error.to_string().contains("equal parts"), "{family}: {error}");
    }
}

#[test]
fn onnx_files_of_texts_alone_are_refused_with_what_to_take() {
    let dir = std::env::temp_dir().join(format!("families-onnx-{}", std::process::id()));
    for name in ["config.json", "modules.json", "1_Pooling/config.json", "2_Dense/config.json"] {
        std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.join(name), file_of("distilbert", name)).unwrap();
    }
    std::fs::copy(golden("onnx/torchscript/onnx/text_model.onnx"), dir.join("model.safetensors")).unwrap();
    let error = ClipVision::from_dir(&dir, Options::default()).unwrap_err();
    std::fs::remove_dir_all(dir).unwrap();
    assert_eq!(error.kind(), clip_vision::ErrorKind::Weights);
    assert!(error.to_string().contains("ONNX files are read of CLIP"), "{error}");
}

#[test]
fn a_configuration_of_another_family_is_refused() {
    let families = ["chinese_clip", "dinov2", "metaclip2", "siglip", "siglip2", "siglip_timm"];
    for (weights, config) in families.iter().flat_map(|of| families.map(|config| (*of, config))) {
        if weights == config {
            continue;
        }
        let files = ["config.json", "preprocessor_config.json"].map(|name| (name, file_of(config, name)));
        let error = mixed("config", weights, &files);
        assert_eq!(error.kind(), clip_vision::ErrorKind::Weights, "{weights} as {config}: {error}");
        assert!(error.to_string().contains("tensor"), "{weights} as {config}: {error}");
    }
}

#[test]
fn converted_they_are_the_same() {
    for golden in Golden::all() {
        let name = golden.dir.file_name().unwrap().to_str().unwrap();
        let file = std::env::temp_dir().join(format!("families-{name}-{}.safetensors", std::process::id()));
        convert(&golden.dir, &file, &ConvertOptions::default().precision(StoredPrecision::F16)).unwrap();
        let [images, texts] = worst(&golden, &ClipVision::from_file(&file, Options::default()).unwrap());
        std::fs::remove_file(file).unwrap();
        assert!(images.min(texts) >= 0.999_9, "{name}: {images}, {texts}");
    }
}
