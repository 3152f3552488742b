package registry

import "aldaba/internal/credential"

// The weights below are round guesses at the country's shape, not statistics:
// they make the fake register uneven in the way a real one is, so that the
// guessing space of the record questions is not flattered by equal chances.

// provinceOfConsulates is the code of cédulas issued abroad.
const provinceOfConsulates = "30"

// provincesOfBirth weighs where cédulas are issued.
var provincesOfBirth = []weighted[string]{
	{"01", 48}, {"02", 13}, {"03", 15}, {"04", 10}, {"05", 27}, {"06", 28}, {"07", 41}, {"08", 33},
	{"09", 240}, {"10", 27}, {"11", 30}, {"12", 52}, {"13", 92}, {"14", 11}, {"15", 8}, {"16", 7},
	{"17", 190}, {"18", 34}, {"19", 8}, {"20", 2}, {"21", 12}, {"22", 11}, {"23", 27}, {"24", 23},
	{"30", 10},
}

// provincesOfWork weighs where employers are.
var provincesOfWork = []weighted[string]{
	{"01", 48}, {"02", 13}, {"03", 15}, {"04", 10}, {"05", 27}, {"06", 28}, {"07", 41}, {"08", 33},
	{"09", 215}, {"10", 27}, {"11", 30}, {"12", 52}, {"13", 92}, {"14", 11}, {"15", 8}, {"16", 7},
	{"17", 225}, {"18", 34}, {"19", 8}, {"20", 2}, {"21", 12}, {"22", 11}, {"23", 27}, {"24", 23},
	{"abroad", 8},
}

// months weighs when jobs and pensions begin.
var months = []weighted[string]{
	{"1", 100}, {"2", 90}, {"3", 85}, {"4", 85}, {"5", 90}, {"6", 76}, {"7", 76}, {"8", 80}, {"9", 98},
	{"10", 86}, {"11", 72}, {"12", 62},
}

// firstAges weighs the age at the first contribution.
var firstAges = []weighted[int]{
	{18, 70}, {19, 90}, {20, 100}, {21, 105}, {22, 110}, {23, 110}, {24, 100}, {25, 85}, {26, 65}, {27, 50},
	{28, 38}, {29, 30}, {30, 22}, {31, 16}, {32, 12}, {33, 9}, {34, 7}, {35, 6}, {36, 5}, {37, 4}, {38, 3},
}

// retirementAges weighs the age at which a pension begins.
var retirementAges = []weighted[int]{
	{60, 14}, {61, 10}, {62, 9}, {63, 9}, {64, 9}, {65, 14}, {66, 10}, {67, 8}, {68, 7}, {69, 5}, {70, 5},
	{71, 3}, {72, 2},
}

// sectors weighs what employers do.
var sectors = []weighted[string]{
	{"agriculture", 12}, {"mining", 2}, {"manufacturing", 10}, {"energy", 2}, {"construction", 9},
	{"commerce", 14}, {"transport", 7}, {"hospitality", 8}, {"finance", 4}, {"professional", 7},
	{"public", 10}, {"education", 8}, {"health", 7}, {"household", 6}, {"other", 5},
}

// salaries weighs the bands of wages.
var salaries = []weighted[string]{
	{"b1", 14}, {"b2", 18}, {"b3", 16}, {"b4", 14}, {"b5", 11}, {"b6", 10}, {"b7", 8}, {"b8", 5}, {"b9", 3},
	{"b10", 1},
}

// amounts weighs the bands of pensions.
var amounts = []weighted[string]{
	{"b1", 13}, {"b2", 16}, {"b3", 15}, {"b4", 15}, {"b5", 13}, {"b6", 10}, {"b7", 8}, {"b8", 5}, {"b9", 3},
	{"b10", 2},
}

// banks weighs where pensions are paid.
var banks = []weighted[string]{
	{"pichincha", 19}, {"guayaquil", 13}, {"pacifico", 13}, {"produbanco", 8}, {"bolivariano", 6},
	{"internacional", 5}, {"austro", 6}, {"banecuador", 8}, {"loja", 2}, {"machala", 2}, {"jep", 7},
	{"october29", 3}, {"azuayo", 3}, {"other_bank", 4}, {"other_coop", 6}, {"window", 4},
}

// beneficiaries weighs how many share a pension.
var beneficiaries = []weighted[string]{
	{"1", 38}, {"2", 30}, {"3", 17}, {"4", 9}, {"5_more", 6},
}

// womensNames are given names of women, Spanish and Kichwa.
var womensNames = []string{
	"María", "Rosa", "Carmen", "Luz", "Ana", "Blanca", "Gloria", "Martha", "Elena", "Patricia", "Verónica",
	"Gabriela", "Daniela", "Andrea", "Mónica", "Silvia", "Narcisa", "Mercedes", "Lourdes", "Fernanda",
	"Belén", "Cristina", "Paola", "Karina", "Jenny", "Mariana", "Nube", "Zoila", "Digna", "Elvira", "Sisa",
	"Nina", "Killa", "Sami", "Ñusta", "Tamya", "Wayra", "Saywa", "Sumak", "Yana", "Pacha", "Toa", "Suyana",
	"Samay", "Urpi",
}

// mensNames are given names of men, Spanish and Kichwa.
var mensNames = []string{
	"José", "Luis", "Juan", "Carlos", "Manuel", "Jorge", "Ángel", "Segundo", "Miguel", "Víctor",
	"Francisco", "Marco", "Édison", "Wilson", "Diego", "Andrés", "Santiago", "Esteban", "Fernando",
	"Patricio", "Rodrigo", "Galo", "Hernán", "Byron", "Cristian", "Javier", "Mauricio", "Fausto", "Vicente",
	"Bolívar", "Inti", "Amaru", "Rumi", "Yaku", "Sayri", "Atuk", "Kuntur", "Apawki", "Wari", "Tupak",
	"Illari", "Katari", "Malki", "Ninan", "Pakari", "Auki",
}

// surnames are family names of the coast, the highlands and the Amazon.
var surnames = []string{
	"Quishpe", "Toapanta", "Guamán", "Chimbo", "Yumbo", "Tanguila", "Grefa", "Andi", "Cerda", "Shiguango",
	"Lema", "Morales", "Conejo", "Maldonado", "Cachiguango", "Farinango", "Túquerres", "Cabascango",
	"Quilumbaquín", "Chicaiza", "Caiza", "Pilataxi", "Tipán", "Llumiquinga", "Simbaña", "Guachamín",
	"Zambrano", "Cedeño", "Mendoza", "Vera", "Macías", "Moreira", "Loor", "Intriago", "Delgado", "Alcívar",
	"Castillo", "Rodríguez", "Sánchez", "García", "López", "Pérez", "González", "Torres", "Ramírez",
	"Flores", "Espinoza", "Jaramillo", "Ordóñez", "Carrión", "Cueva", "Ochoa", "Vintimilla", "Peralta",
	"Sarmiento", "Arévalo", "Tenesaca", "Morocho", "Sisalima", "Guaraca", "Yupanqui", "Paucar", "Shagñay",
	"Yuquilema", "Lluay", "Cutiupala", "Malán", "Tixi", "Aucancela", "Ayala", "Preciado", "Quiñónez",
	"Caicedo", "Estupiñán", "Valencia", "Angulo", "Nazareno", "Corozo", "Bone", "Mina", "Minda", "Lastra",
	"Congo", "Suárez", "Villón", "Tomalá", "Borbor", "Yagual", "Reyes", "Pincay", "Choez", "Tigrero",
	"Rivadeneira", "Salazar", "Vallejo", "Benalcázar", "Proaño", "Cevallos", "Endara", "Ushiña",
	"Sinchiguano", "Iza", "Oña", "Changoluisa",
}

// claveWords are the words of invented claves, which are for show: whoever needs a real one gets words drawn by crypto/rand elsewhere.
var claveWords = []string{
	"manglar", "tambor", "nevado", "quinde", "canoa", "volcán", "guanábana", "neblina", "hamaca", "cántaro",
	"colibrí", "páramo", "marimba", "totora", "cacao", "tejado", "farol", "sendero", "laguna", "chacana",
	"pingullo", "candil", "tortuga", "arrecife", "chonta", "mazorca", "telar", "vasija", "quebrada",
	"puente", "ceibo", "arupo", "guayacán", "capulí", "taxo", "naranjilla", "achiote", "cardumen",
	"ballena", "piquero", "fragata", "iguana", "tagua", "balsa", "bongo", "remanso", "cascada", "pajonal",
	"frailejón", "oyacachi", "alpaca", "vicuña", "lucero", "relámpago", "granizo", "chubasco", "terraza",
	"balcón", "campana", "zaguán", "aldaba", "cerrojo", "linterna", "brújula", "veleta", "molino",
	"trapiche", "alambique", "carreta", "estribo", "poncho", "alforja", "faja", "bordado", "encaje",
	"tejuelo",
}

// answerPools are answers that somebody might give to the personal questions.
var answerPools = map[credential.PersonalQuestionID][]string{
	"first_school": {
		"Escuela Río Amazonas", "Escuela Cordillera Blanca", "Unidad Educativa Los Ceibos", "Escuela Nuevo Amanecer",
		"Escuela Luz del Páramo", "Escuela Eloy de la Costa", "Unidad Educativa Sol Naciente", "Escuela Cotopaxi Norte",
		"Escuela Fiscal Mirador", "Escuela Las Golondrinas", "Escuela Puerto Viejo", "Escuela El Manantial",
	},
	"childhood_street": {
		"barrio La Tola", "calle del Arrayán", "barrio San Roque", "calle Los Nogales",
		"barrio Las Peñas", "pasaje El Capulí", "barrio La Merced Alta", "calle Venezuela",
		"barrio Cuba", "calle Larga", "ciudadela Kennedy", "recinto El Guabo",
	},
	"grandmother": {
		"Hortensia", "Dolores", "Leonor", "Ubaldina",
		"Filomena", "Tránsito", "Encarnación", "Eudocia",
		"Hermelinda", "Clotilde", "Eufemia", "Petrona",
	},
	"first_job_boss": {
		"don Arcesio", "doña Gertrudis", "ingeniero Pazmiño", "licenciada Villacís",
		"don Eleuterio", "doctora Cisneros", "don Temístocles", "señora Almeida",
		"arquitecto Dávalos", "doña Piedad", "maestro Hidrobo", "señor Larrea",
	},
	"childhood_friend": {
		"Pelusa", "Chispas", "Ratón", "Colorada",
		"Flaco", "Churón", "Gordito", "Mosquito",
		"Conejita", "Zurdo", "Pulgarcito", "Patito",
	},
	"first_teacher": {
		"señorita Maruja", "profesor Aníbal", "señorita Olimpia", "profesora Yolanda",
		"profesor Gonzalo", "señorita Beatriz", "profesora Teresita", "profesor Humberto",
		"hermana Inés", "profesor Ezequiel", "señorita Graciela", "profesora Amparo",
	},
	"favourite_dish_of_childhood": {
		"encebollado", "locro de papa", "seco de chivo", "bolón de verde",
		"guatita", "llapingachos", "ceviche de pinchagua", "maito de tilapia",
		"colada morada", "caldo de bola", "fanesca", "hornado con mote",
	},
	"first_pet": {
		"Manchas", "Canela", "Pirata", "Lucerito",
		"Copito", "Negrita", "Trueno", "Peluchín",
		"Capitán", "Estrellita", "Motas", "Chocolate",
	},
	"birth_hospital": {
		"Maternidad Isidro", "Hospital Vernaza", "la casa de la partera", "Hospital Eugenio",
		"Clínica La Dolorosa", "Hospital Baca", "Centro de salud de Guaranda", "Hospital Teófilo",
		"Maternidad de Portoviejo", "Clínica San Gregorio", "Hospital de Puyo", "Hospital Homero",
	},
	"first_trip": {
		"Baños de Agua", "Atacames", "las fiestas de Otavalo", "Montañita",
		"Salinas", "el Chimborazo", "Puerto López", "Mindo",
		"Tena", "Saraguro", "Zaruma", "Bahía de Caráquez",
	},
}
