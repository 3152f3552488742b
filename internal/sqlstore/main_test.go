package sqlstore_test

import (
	"os"
	"testing"

	"aldaba/internal/sqlstore/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
