package gluetest

// database is a database and its tables by name.
type database struct {
	input   object
	created float64
	tables  map[string]*table
}

func (s *Server) createDatabase(in *input) (any, error) {
	take[string](in, "CatalogId")
	d := need[object](in, "DatabaseInput")
	if err := in.end(); err != nil {
		return nil, err
	}
	name, err := nameOf(d, "databaseInput")
	if err != nil {
		return nil, err
	}
	if s.databases[name] != nil {
		return nil, alreadyExists("Database")
	}
	d["Name"] = name
	s.databases[name] = &database{input: d, created: s.stamp(), tables: map[string]*table{}}
	return object{}, nil
}

func (s *Server) getDatabase(in *input) (any, error) {
	take[string](in, "CatalogId")
	name := need[string](in, "Name")
	if err := in.end(); err != nil {
		return nil, err
	}
	d, err := s.database(name)
	if err != nil {
		return nil, err
	}
	return object{"Database": with(d.input, object{"CreateTime": d.created, "CatalogId": account})}, nil
}

func (s *Server) deleteDatabase(in *input) (any, error) {
	take[string](in, "CatalogId")
	name := need[string](in, "Name")
	if err := in.end(); err != nil {
		return nil, err
	}
	if _, err := s.database(name); err != nil {
		return nil, err
	}
	delete(s.databases, fold(name))
	return object{}, nil
}

// database gives a database, or Glue's error.
func (s *Server) database(name string) (*database, error) {
	if d := s.databases[fold(name)]; d != nil {
		return d, nil
	}
	return nil, notFound("Database", name)
}
