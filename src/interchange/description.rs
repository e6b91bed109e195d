//! Descriptions of a benchmark for those who look for data: Croissant's JSON-LD, and the card of a data set.

use arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::Error;
use crate::table::{Benchmark, Part, columns, schema, sha256};

/// The licence that whoever publishes a benchmark is reminded to state.
const LICENSE: &str = "https://spdx.org/licenses/other";

/// Returns the description of a benchmark as Croissant has it: its files with their digests, and its columns.
///
/// The file names are those in the folder: the description belongs beside them.
///
/// # Errors
///
/// [`Error::File`] if a file cannot be read, and as [`Benchmark::files`].
///
/// # Source
///
/// Akhtar et al., "Croissant: a metadata format for ML-ready datasets", DEEM 2024; version 1.0 of the specification.
pub fn croissant(benchmark: &Benchmark) -> Result<Value, Error> {
    let files = benchmark.files(Part::Recorded)?;
    let name = benchmark.name();
    let mut distribution = Vec::new();
    for file in &files {
        let place = file.strip_prefix(benchmark.folder()).unwrap_or(file).to_string_lossy().into_owned();
        distribution.push(json!({
            "@type": "cr:FileObject",
            "@id": place,
            "name": place,
            "contentUrl": place,
            "encodingFormat": "application/vnd.apache.parquet",
            "sha256": sha256(file)?,
        }));
    }
    // Several shards are one set of files.
    let source = if let [_] = files.as_slice() {
        json!({ "fileObject": { "@id": distribution[0]["@id"] } })
    } else {
        distribution.push(json!({
            "@type": "cr:FileSet",
            "@id": "shards",
            "encodingFormat": "application/vnd.apache.parquet",
            "includes": "shards/*.parquet",
        }));
        json!({ "fileSet": { "@id": "shards" } })
    };
    let fields = schema();
    let field = |column: &crate::table::ColumnDescription| {
        let data_type = fields.column_with_name(column.name).map(|(_, field)| kind(field.data_type()));
        let unit = if column.unit.is_empty() { String::new() } else { format!(" ({})", column.unit) };
        let mut source = source.clone();
        source["extract"] = json!({ "column": column.name });
        let mut field = json!({
            "@type": "cr:Field",
            "@id": format!("records/{}", column.name),
            "name": column.name,
            "description": format!("{}{unit}", column.about),
            "dataType": data_type.unwrap_or("sc:Text"),
            "source": source,
        });
        if let Some((_, listed)) = fields.column_with_name(column.name)
            && matches!(listed.data_type(), DataType::List(_))
        {
            field["repeated"] = json!(true);
        }
        field
    };
    let described = columns();
    Ok(json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": about(benchmark),
        "license": LICENSE,
        "url": "",
        "version": "1.0.0",
        "distribution": distribution,
        "recordSet": [{
            "@type": "cr:RecordSet",
            "@id": "records",
            "name": "records",
            "description": "a row for each trained model",
            "key": [{ "@id": "records/module_hash" }, { "@id": "records/epochs" }, { "@id": "records/repeat" }],
            "field": described.iter().map(field).collect::<Vec<_>>(),
        }],
    }))
}

/// Returns the card of a benchmark as Hugging Face has it: a README whose first lines are for programs.
#[must_use]
pub fn card(benchmark: &Benchmark) -> String {
    let name = benchmark.name();
    let row = |column: &crate::table::ColumnDescription| format!("| `{}` | {} | {} |\n", column.name, column.unit, column.about);
    let rows: Vec<String> = columns().iter().map(row).collect();
    format!(
        "---\npretty_name: {name}\ntags:\n- neural-architecture-search\n- tabular-benchmark\n- nas-bench-101\nconfigs:\n- config_name: default\n  \
         data_files: \"*.parquet\"\n---\n\n# {name}\n\n{}\n\n| column | unit | |\n|---|---|---|\n{}",
        about(benchmark),
        rows.concat()
    )
}

/// What the benchmark is, in a sentence or two.
fn about(benchmark: &Benchmark) -> String {
    let manifest = benchmark.manifest();
    format!(
        "A tabular benchmark of neural architecture search: cells of NAS-Bench-101's space, trained on {}, with what they reached. Identity {}.",
        manifest.dataset.name,
        benchmark.identity()
    )
}

/// The type of a column, or of the items of a list, as Croissant names it.
fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::List(item) => kind(item.data_type()),
        DataType::Float32 | DataType::Float64 => "sc:Float",
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 | DataType::Int32 | DataType::Int64 => {
            "sc:Integer"
        }
        DataType::Timestamp(..) => "sc:DateTime",
        _ => "sc:Text",
    }
}

/// The terms of version 1.0, as its specification lists them.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "data": { "@id": "cr:data", "@type": "@json" },
        "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "dct": "http://purl.org/dc/terms/",
        "examples": { "@id": "cr:examples", "@type": "@json" },
        "extract": "cr:extract",
        "field": "cr:field",
        "fileProperty": "cr:fileProperty",
        "fileObject": "cr:fileObject",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}

#[cfg(test)]
mod tests {
    use fs_err as fs;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::hex;

    #[test]
    fn a_description_has_each_file_with_its_digest_and_each_column() {
        let benchmark = Benchmark::open("tests/data/tiny-benchmark").unwrap();
        let found = croissant(&benchmark).unwrap();
        assert_eq!(found["name"], "tiny-benchmark");
        let files = benchmark.files(Part::Recorded).unwrap();
        let distribution = found["distribution"].as_array().unwrap();
        assert!(distribution.len() >= files.len());
        for (file, object) in files.iter().zip(distribution) {
            let expected = hex::print(&Sha256::digest(fs::read(file).unwrap()));
            assert_eq!((&object["sha256"], &object["@type"]), (&json!(expected), &json!("cr:FileObject")));
        }
        let fields = found["recordSet"][0]["field"].as_array().unwrap();
        assert_eq!(fields.len(), columns().len());
        let curve = fields.iter().find(|field| field["name"] == "curve_train_loss").unwrap();
        assert_eq!((&curve["dataType"], &curve["repeated"]), (&json!("sc:Float"), &json!(true)));
        assert!(card(&benchmark).starts_with("---\npretty_name: tiny-benchmark\n"));
    }
}
