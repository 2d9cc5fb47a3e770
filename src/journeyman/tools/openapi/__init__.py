"""Operations of an OpenAPI document as tools. Reading is pure: who calls it opens the file."""
