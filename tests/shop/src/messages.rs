//! What the services say to each other by gRPC.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub struct Product {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint64, tag = "3")]
    pub cents: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Products {
    #[prost(message, repeated, tag = "1")]
    pub products: Vec<Product>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ProductRequest {
    #[prost(uint32, tag = "1")]
    pub id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Item {
    #[prost(uint32, tag = "1")]
    pub product: u32,
    #[prost(uint32, tag = "2")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct AddRequest {
    #[prost(string, tag = "1")]
    pub customer: String,
    #[prost(message, optional, tag = "2")]
    pub item: Option<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub struct CustomerRequest {
    #[prost(string, tag = "1")]
    pub customer: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Items {
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OrderRequest {
    #[prost(string, tag = "1")]
    pub customer: String,
    #[prost(message, repeated, tag = "2")]
    pub items: Vec<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OrderReply {
    #[prost(string, tag = "1")]
    pub order: String,
    #[prost(uint64, tag = "2")]
    pub cents: u64,
}

/// Sets goods aside for an order, or puts them back.
#[derive(Clone, PartialEq, Message)]
pub struct ReserveRequest {
    #[prost(string, tag = "1")]
    pub order: String,
    #[prost(message, repeated, tag = "2")]
    pub items: Vec<Item>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReserveReply {
    #[prost(uint64, tag = "1")]
    pub cents: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct ChargeRequest {
    #[prost(string, tag = "1")]
    pub order: String,
    #[prost(uint64, tag = "2")]
    pub cents: u64,
}
