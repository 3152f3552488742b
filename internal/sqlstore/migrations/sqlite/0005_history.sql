-- A person reads the acts on their own account.
CREATE INDEX audit_person ON audit (person, seq);
