#include "reverse_proxy/telemetry/label_sets.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

using reverse_proxy::http::Method;
using reverse_proxy::telemetry::kOtherPath;
using reverse_proxy::telemetry::LabelSets;

TEST(LabelSets, SameSetSameId) {
    LabelSets sets;
    LabelSets::Id const id = sets.find_or_add(Method::get, "/a", 200);
    EXPECT_EQ(sets.find_or_add(Method::get, "/a", 200), id);
    EXPECT_EQ(sets.at(id)->path, "/a");
    EXPECT_EQ(sets.at(id)->status, 200U);
    EXPECT_EQ(sets.at(id)->method, Method::get);
}

TEST(LabelSets, EachLabelTellsSetsApart) {
    LabelSets sets;
    std::set<LabelSets::Id> const ids{
        sets.find_or_add(Method::get, "/a", 200), sets.find_or_add(Method::get, "/a", 404),
        sets.find_or_add(Method::get, "/b", 200), sets.find_or_add(Method::put, "/a", 200)};
    EXPECT_EQ(ids.size(), 4U);
}

TEST(LabelSets, RefusesThe513thPathAndKeepsTheOthers) {
    LabelSets sets;
    for (unsigned i = 0; i < LabelSets::kPathSets; ++i) {
        EXPECT_FALSE(sets.paths_full());
        EXPECT_NE(sets.find_or_add(Method::get, "/" + std::to_string(i), 200), LabelSets::kNone);
    }
    EXPECT_TRUE(sets.paths_full());
    EXPECT_EQ(sets.find_or_add(Method::get, "/new", 200), LabelSets::kNone);
    EXPECT_EQ(sets.find_or_add(Method::get, "/7", 200), 7U);
}

TEST(LabelSets, OtherSetsFallBackToTheStatusClass) {
    LabelSets sets;
    for (unsigned i = 0; i < LabelSets::kOtherSets; ++i) {
        auto const* const set = sets.at(sets.find_or_add_other(Method::get, 400 + i));
        EXPECT_EQ(set->status, 400 + i);
        EXPECT_EQ(set->path, kOtherPath);
    }
    // Every status that can occur, more than there are places for: all get one.
    std::set<unsigned> statuses;
    for (unsigned status = 100; status < 1000; ++status) {
        LabelSets::Id const id = sets.find_or_add_other(Method::post, status);
        ASSERT_NE(id, LabelSets::kNone);
        EXPECT_EQ(sets.at(id)->method, Method::other);
        statuses.insert(sets.at(id)->status);
    }
    EXPECT_EQ(statuses, (std::set<unsigned>{100, 200, 300, 400, 500}));
    EXPECT_EQ(sets.at(sets.find_or_add_other(Method::get, 404))->status, 404U);
}
