"""Operations of an OpenAPI document as tools. Reading a document is pure: the caller reads the file."""
