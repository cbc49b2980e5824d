//! Block index: a tantivy index of the bodies, one document per block of rows, as earlier versions wrote it at compaction.
//!
//! Document `i` holds the rows from `i · BLOCK_ROWS`.

use super::directory::ReadOnly;
use super::query::{IndexQuery, candidates};
use crate::Error;
use bytes::Bytes;
use std::ops::Range;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Index, InvertedIndexReader, TERMINATED, Term};

/// Rows per document.
const BLOCK_ROWS: u32 = 256;

const BODY: &str = "body";

/// A block index opened for reading.
pub(crate) struct BlockIndex {
    terms: std::sync::Arc<InvertedIndexReader>,
    body: Field,
    rows: u32,
}

impl std::fmt::Debug for BlockIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockIndex").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl BlockIndex {
    /// Opens the index of `rows` rows from its files.
    pub fn open(
        files: impl IntoIterator<Item = (String, Bytes)>,
        rows: u32,
    ) -> Result<BlockIndex, Error> {
        let index = Index::open(ReadOnly::new(files)).map_err(broken)?;
        let body = index.schema().get_field(BODY).map_err(broken)?;
        let mut segments = index.searchable_segments().map_err(broken)?;
        let segment = match (segments.pop(), segments.pop()) {
            (Some(only), None) => only,
            _ => return Err(broken("it does not hold one segment")),
        };
        let reader = tantivy::SegmentReader::open(&segment).map_err(broken)?;
        if reader.max_doc() != rows.div_ceil(BLOCK_ROWS) {
            return Err(broken("it covers other rows"));
        }
        let terms = reader.inverted_index(body).map_err(broken)?;
        Ok(BlockIndex { terms, body, rows })
    }

    /// Row ranges (ascending, apart) outside of which no body matches; `None` when all may.
    pub fn candidates(&self, query: &IndexQuery) -> Result<Option<Vec<Range<u32>>>, Error> {
        candidates(query, &|token| self.blocks_with(token), BLOCK_ROWS, self.rows)
    }

    fn blocks_with(&self, token: &str) -> Result<Vec<u32>, Error> {
        let term = Term::from_field_text(self.body, token);
        let postings = self.terms.read_postings(&term, IndexRecordOption::Basic).map_err(broken)?;
        let Some(mut postings) = postings else {
            return Ok(Vec::new());
        };
        let mut blocks = Vec::with_capacity(postings.doc_freq() as usize);
        while postings.doc() != TERMINATED {
            blocks.push(postings.doc());
            postings.advance();
        }
        Ok(blocks)
    }
}

/// The id is filled in by the segment that knows it.
fn broken(error: impl std::fmt::Display) -> Error {
    Error::Corrupt { id: String::new(), detail: format!("log index: {error}") }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::super::tokens::Scanner;
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;
    use tantivy::directory::RamDirectory;
    use tantivy::schema::{Schema, TextFieldIndexing, TextOptions};
    use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};
    use tantivy::{Directory, IndexBuilder, TantivyDocument};

    /// Memory tantivy may use before it spills; one block index is built in one go.
    const BUILD_MEMORY: usize = 64 << 20;

    const TOKENIZER: &str = "binnacle";

    fn schema() -> (Schema, Field) {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(TOKENIZER)
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let mut schema = Schema::builder();
        let body =
            schema.add_text_field(BODY, TextOptions::default().set_indexing_options(indexing));
        (schema.build(), body)
    }

    /// The files of the index of `bodies`, one per row, by name.
    fn build<'a>(
        bodies: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let failed =
            |error: tantivy::TantivyError| Error::Encode { detail: format!("log index: {error}") };
        let directory = RamDirectory::create();
        let (schema, body) = schema();
        let tokenizers = TokenizerManager::new();
        tokenizers.register(TOKENIZER, TextAnalyzer::from(Words));
        let mut writer = IndexBuilder::new()
            .schema(schema)
            .tokenizers(tokenizers)
            .single_segment_index_writer::<TantivyDocument>(directory.clone(), BUILD_MEMORY)
            .map_err(failed)?;
        let mut bodies = bodies.peekable();
        let mut text = String::new();
        while bodies.peek().is_some() {
            text.clear();
            for body in bodies.by_ref().take(BLOCK_ROWS as usize).flatten() {
                text.push_str(body);
                text.push('\n');
            }
            let mut document = TantivyDocument::new();
            document.add_text(body, &text);
            writer.add_document(document).map_err(failed)?;
        }
        let index = writer.finalize().map_err(failed)?;
        let metas = index.load_metas().map_err(failed)?;
        let mut names: Vec<String> = metas
            .list_segment_files()
            .iter()
            .filter_map(|path| path.to_str().map(str::to_owned))
            .collect();
        names.push(String::from("meta.json"));
        names.sort_unstable();
        let mut files = Vec::new();
        for name in names {
            let path = Path::new(&name);
            if directory.exists(path).unwrap_or(false) {
                let bytes = directory
                    .atomic_read(path)
                    .map_err(|error| Error::Encode { detail: format!("log index: {error}") })?;
                files.push((name, bytes));
            }
        }
        Ok(files)
    }

    /// Splits text as [`super::tokens`] does.
    #[derive(Clone)]
    struct Words;

    struct WordStream<'a> {
        scanner: Scanner<'a>,
        token: Token,
    }

    impl Tokenizer for Words {
        type TokenStream<'a> = WordStream<'a>;

        fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
            WordStream { scanner: Scanner::new(text), token: Token::default() }
        }
    }

    impl TokenStream for WordStream<'_> {
        fn advance(&mut self) -> bool {
            match self.scanner.next_token() {
                Some(word) => {
                    self.token.text.clear();
                    self.token.text.push_str(word);
                    self.token.position = self.token.position.wrapping_add(1);
                    true
                }
                None => false,
            }
        }

        fn token(&self) -> &Token {
            &self.token
        }

        fn token_mut(&mut self) -> &mut Token {
            &mut self.token
        }
    }

    fn open(bodies: &[Option<String>]) -> BlockIndex {
        let files = build(bodies.iter().map(Option::as_deref)).unwrap();
        let files = files.into_iter().map(|(name, bytes)| (name, Bytes::from(bytes)));
        BlockIndex::open(files, bodies.len() as u32).unwrap()
    }

    #[test]
    fn words_lead_to_their_blocks() {
        let body = |row: u32| Some(format!("request {row} from Host-{}", row / 1_000));
        let bodies: Vec<_> = (0..5_000).map(body).collect();
        let index = open(&bodies);
        let find = |words: &[&str]| {
            let phrase = IndexQuery::Phrase(words.iter().map(|&w| w.to_owned()).collect());
            index.candidates(&phrase).unwrap().unwrap()
        };
        assert_eq!(find(&["request"]), vec![0..5_000]);
        assert_eq!(find(&["4321"]), vec![4_096..4_352]);
        assert_eq!(find(&["absent"]), Vec::<Range<u32>>::new());
        assert_eq!(find(&["request", "4999"]), vec![4_864..5_000]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
        #[test]
        fn no_token_is_missed(bodies in proptest::collection::vec(proptest::option::of("\\PC{0,30}"), 1..600)) {
            let index = open(&bodies);
            for (row, body) in bodies.iter().enumerate() {
                let phrase: Vec<String> = tokens(body.as_deref().unwrap_or_default()).collect();
                if let Some(found) = index.candidates(&IndexQuery::Phrase(phrase)).unwrap() {
                    prop_assert!(found.iter().any(|rows| rows.contains(&(row as u32))));
                }
            }
        }
    }
}
