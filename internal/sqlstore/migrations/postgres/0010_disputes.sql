-- Whether a press of «No fui yo» disputed something that still waited: then no other
-- change of address is taken while the notice lives.
ALTER TABLE notices ADD COLUMN disputes BOOLEAN NOT NULL DEFAULT true;
