package demo

import "fmt"

// product is an article of the shop.
type product struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Category   string `json:"category"`
	PriceCents int64  `json:"price_cents"`
}

// shelfQuantity is how many pieces of a product a delivery brings.
const shelfQuantity = 25

// productID names the i-th product, 0 ≤ i < productCount.
func productID(i int) string { return fmt.Sprintf("P-%04d", 1000+7*i) }

// productNumber makes the i-th product.
func productNumber(i int) product {
	kinds := [...]string{"Telescope", "Star Chart", "Lens Kit", "Tripod", "Red Flashlight", "Eyepiece", "Sky Atlas", "Solar Filter"}
	makes := [...]string{"Vega", "Altair", "Rigel", "Deneb", "Mira", "Spica", "Pollux", "Sirius", "Antares", "Castor",
		"Regulus", "Bellatrix", "Alcor", "Mizar", "Thuban"}
	categories := [...]string{"telescopes", "charts", "lenses", "mounts", "lights", "eyepieces", "books", "filters"}
	kind := i % len(kinds)
	p := product{
		ID:         productID(i),
		Name:       makes[i/len(kinds)%len(makes)] + " " + kinds[kind],
		Category:   categories[kind],
		PriceCents: int64(499 + (i*7919)%38000),
	}
	if i%20 == 7 {
		p.Category = clearance
	}
	return p
}

// clearance is a category of products that nothing is related to.
const clearance = "clearance"

// featuredCategories are shown on the home page by turns.
func featuredCategories() []string {
	return []string{"telescopes", "charts", "lenses", "mounts", "lights", "eyepieces", "books", "filters"}
}

// lineItem is one position of a cart or an order.
type lineItem struct {
	ProductID string `json:"product_id"`
	Quantity  int64  `json:"quantity"`
}

// placedOrder is what the queue carries.
type placedOrder struct {
	ID         string     `json:"id"`
	Number     int64      `json:"number"`
	UserID     string     `json:"user_id"`
	TotalCents int64      `json:"total_cents"`
	Items      []lineItem `json:"items"`
}
