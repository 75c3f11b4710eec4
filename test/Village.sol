// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Charter} from "../contracts/Charter.sol";
import {Committee} from "../contracts/Committee.sol";
import {Docket} from "../contracts/Docket.sol";
import {Ledger} from "../contracts/Ledger.sol";
import {Mandates} from "../contracts/Mandates.sol";
import {PracticeToken} from "../contracts/PracticeToken.sol";
import {Roster} from "../contracts/Roster.sol";
import {
    CommitteeParameters,
    FirstSubcontract,
    Founder,
    FounderConsent,
    Lineage,
    MandateCaps,
    Module,
    Proposal
} from "../contracts/interfaces/ICharter.sol";
import {Device, StreamTerms} from "../contracts/interfaces/IDocket.sol";
import {Words} from "../contracts/libraries/Words.sol";
import {Firewood} from "../contracts/subcontracts/Firewood.sol";
import {FirewoodTerms, WoodLine} from "../contracts/subcontracts/IFirewood.sol";
import {Calendar, EpochKind} from "../contracts/types/Calendar.sol";
import {
    AccountId,
    Accounts,
    Epoch,
    MemberId,
    SeatId,
    StreamId,
    SubcontractId
} from "../contracts/types/Ids.sol";
import {Header, Verdict} from "../contracts/types/Report.sol";
import {Base} from "./Base.t.sol";

/// @notice What a village is founded with; `draftOf` gives one to change before `found`.
struct Draft {
    uint256 seats;
    uint256 alternates;
    uint64 bond;
    uint64 floor;
    uint32 windowSeconds;
    FirewoodTerms wood;
    Founder[] founders;
    FounderConsent[] consents; // by founder
    uint64[] deposits; // by founder, landed right after ignition
}

/// @notice A report as its seal was made.
struct SealedReport {
    Header header; // with signers
    bytes32 parent;
    bytes32 envelopes;
    bytes payload;
    bytes seal;
}

/// @title A village
/// @notice Founds a whole charter by the path that people use, and lives weeks in it. Real contracts, real signatures.
/// @dev Members are numbered from 1, seats from 0. The village ignites on a Sunday at 23:55 local time, five minutes
/// before `week` begins; each verb takes the clock where it needs it, and never back.
abstract contract Village is Base {
    int32 internal constant TZ = 3600;
    uint24 internal constant FIRST_WEEK = 2970;
    uint256 internal constant WINDOW = 24 hours;
    SubcontractId internal constant WOOD = SubcontractId.wrap(1);
    StreamId internal constant PILE = StreamId.wrap(1);
    bytes32 internal constant ENVELOPES = keccak256("envelopes");

    string internal constant FOUND_TYPE =
        "FoundCharter(string deed,bytes32 proposal,string mostPerPeriod,string mandates,uint8 band,bytes32 badge)";
    string internal constant FOUND_DEED = "I found this charter as proposed and grant the mandates below.";

    address private constant PROXY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    bytes private constant PROXY_CODE =
        hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";

    Charter internal charter;
    Roster internal roster;
    Ledger internal ledger;
    Mandates internal mandates;
    Committee internal committee;
    Docket internal docket;
    Firewood internal wood;
    PracticeToken internal token;

    /// @dev The week that the next report is about.
    Epoch internal week;
    uint256 internal seatCount;

    /* PEOPLE */

    function memberKey(uint256 number) internal pure returns (uint256) {
        return keyOf(string.concat("member ", vm.toString(number)));
    }

    function memberAddress(uint256 number) internal pure returns (address) {
        return vm.addr(memberKey(number));
    }

    function memberId(uint256 number) internal pure returns (MemberId) {
        // Tests name at most a few hundred members.
        // forge-lint: disable-next-line(unsafe-typecast)
        return MemberId.wrap(uint16(number));
    }

    function purseOf(uint256 number) internal pure returns (AccountId) {
        return Accounts.ofMember(memberId(number));
    }

    function identityKey(uint256 seat) internal pure returns (uint256) {
        return keyOf(string.concat("identity ", vm.toString(seat)));
    }

    function reportKey(uint256 seat) internal pure returns (uint256) {
        return keyOf(string.concat("report ", vm.toString(seat)));
    }

    function seatId(uint256 seat) internal pure returns (SeatId) {
        // At most 62 operators.
        // forge-lint: disable-next-line(unsafe-typecast)
        return SeatId.wrap(uint8(seat));
    }

    /* FOUNDING (R2) */

    /// @dev Kit defaults: a hundred H each, band 3, mandate of 17 / 47 / 1 H, the last founder provides.
    function draftOf(uint256 members, uint256 seats) internal pure returns (Draft memory draft) {
        draft.seats = seats;
        draft.bond = 50e6;
        draft.floor = 5e6;
        draft.windowSeconds = uint32(WINDOW);
        draft.wood = FirewoodTerms({
            stream: PILE,
            provider: memberId(members),
            price: 500_000,
            refGrams: 1000,
            multiples: [uint32(0), 2500, 5000, 10_000, 20_000, 40_000, 80_000, 160_000],
            bounds: [uint64(0), 5e6, 10e6, 20e6, 40e6, 60e6, 90e6, 120e6],
            shrinkageBps: 200
        });
        draft.founders = new Founder[](members);
        draft.consents = new FounderConsent[](members);
        draft.deposits = new uint64[](members);
        for (uint256 i; i < members; ++i) {
            draft.founders[i] = Founder(memberAddress(i + 1), uint16(i / 3 + 1));
            draft.deposits[i] = 100e6;
            draft.consents[i] =
                consentOf(3, 50e6, MandateCaps(WOOD, 17e6, 47e6, 1e6, uint40(startOf() + 364 days)));
        }
    }

    function consentOf(uint8 band, uint64 globalPerPeriod, MandateCaps memory caps)
        internal
        pure
        returns (FounderConsent memory consent)
    {
        consent.band = band;
        consent.globalPerPeriod = globalPerPeriod;
        consent.mandates = new MandateCaps[](1);
        consent.mandates[0] = caps;
    }

    /// @notice The Sunday at 23:55 local time on which a village ignites.
    function startOf() internal pure returns (uint256) {
        return Calendar.epochBegin(EpochKind.Week, Epoch.wrap(FIRST_WEEK), TZ, 0) - 5 minutes;
    }

    function found(uint256 members, uint256 seats) internal {
        found(draftOf(members, seats));
    }

    function found(Draft memory draft) internal {
        vm.warp(startOf());
        if (address(token) == address(0)) token = new PracticeToken();
        propose(draft);
        install();
        signAll(draft);
        seatAll(draft);
        charter.ignite();
        for (uint256 i; i < draft.deposits.length; ++i) {
            deposit(i + 1, draft.deposits[i]);
        }
        week = Epoch.wrap(FIRST_WEEK);
    }

    function streamsOf(Draft memory draft) internal pure returns (StreamTerms[] memory streams) {
        streams = new StreamTerms[](1);
        StreamTerms memory pile = streams[0];
        pile.subcontract = WOOD;
        pile.epochKind = EpochKind.Week;
        pile.windowSeconds = draft.windowSeconds;
        pile.zone = "wood store";
        pile.custodian = draft.wood.provider;
        pile.dataClass = 2;
        pile.estimator = "wood/1";
        pile.modelHash = keccak256("model");
        pile.devices = new Device[](3);
        pile.devices[0] = Device(keccak256("radar"), 1, "radar", 60, type(uint40).max);
        pile.devices[1] = Device(keccak256("scale"), 1, "scale", 60, type(uint40).max);
        pile.devices[2] = Device(keccak256("badge"), 1, "badge", 60, type(uint40).max);
    }

    function proposalOf(Draft memory draft) internal view returns (Proposal memory proposal) {
        proposal.articlesHash = keccak256("articles");
        proposal.token = address(token);
        proposal.tz = TZ;
        proposal.floor = draft.floor;
        proposal.founders = draft.founders;
        proposal.seats = new address[](draft.seats);
        for (uint256 i; i < draft.seats; ++i) {
            proposal.seats[i] = vm.addr(identityKey(i));
        }
        proposal.alternates = new address[](draft.alternates);
        for (uint256 i; i < draft.alternates; ++i) {
            proposal.alternates[i] = vm.addr(identityKey(draft.seats + i));
        }
        proposal.limits = new uint64[](10);
        uint64[10] memory limits =
            [uint64(200_000), 1000, 0, 30 days, 14 days, 9500, 5000, 14 days, 300, 2000];
        for (uint256 i; i < limits.length; ++i) {
            proposal.limits[i] = limits[i];
        }
        bytes[] memory codes = moduleCodes();
        proposal.modules = new bytes32[](codes.length);
        for (uint256 i; i < codes.length; ++i) {
            proposal.modules[i] = keccak256(codes[i]);
        }
        proposal.subcontracts = new FirstSubcontract[](1);
        proposal.subcontracts[0] = FirstSubcontract(keccak256(woodCode()), abi.encode(draft.wood));
        proposal.streamsHash = keccak256(abi.encode(streamsOf(draft)));
        proposal.committee = CommitteeParameters(30, 15, 2, draft.bond);
        proposal.lineage = Lineage(address(0), "kit", keccak256("kit"), keccak256("source"));
    }

    /// @dev By `Module`.
    function moduleCodes() internal view virtual returns (bytes[] memory codes) {
        codes = new bytes[](uint256(type(Module).max) + 1);
        codes[uint256(Module.Roster)] = vm.getCode("contracts/Roster.sol:Roster");
        codes[uint256(Module.Ledger)] = vm.getCode("contracts/Ledger.sol:Ledger");
        codes[uint256(Module.Committee)] = vm.getCode("contracts/Committee.sol:Committee");
        codes[uint256(Module.Docket)] = vm.getCode("contracts/Docket.sol:Docket");
        codes[uint256(Module.Mandates)] = vm.getCode("contracts/Mandates.sol:Mandates");
    }

    function woodCode() internal view virtual returns (bytes memory) {
        return vm.getCode("contracts/subcontracts/Firewood.sol:Firewood");
    }

    Draft private _draft;

    function propose(Draft memory draft) internal {
        _keep(draft);
        seatCount = draft.seats;
        if (PROXY.code.length == 0) vm.etch(PROXY, PROXY_CODE);
        (bool done, bytes memory place) = PROXY.call(
            abi.encodePacked(
                bytes32(0), vm.getCode("contracts/Charter.sol:Charter"), abi.encode(proposalOf(draft))
            )
        );
        require(done, "village: the proxy refused the charter");
        charter = Charter(address(bytes20(place)));
        roster = Roster(charter.module(Module.Roster));
        ledger = Ledger(charter.module(Module.Ledger));
        committee = Committee(charter.module(Module.Committee));
        docket = Docket(charter.module(Module.Docket));
        mandates = Mandates(charter.module(Module.Mandates));
        vm.label(address(charter), "charter");
        vm.label(address(roster), "roster");
        vm.label(address(ledger), "ledger");
        vm.label(address(committee), "committee");
        vm.label(address(docket), "docket");
        vm.label(address(mandates), "mandates");
    }

    /// @dev What `install` needs of the draft.
    function _keep(Draft memory draft) private {
        _draft.wood = draft.wood;
        _draft.windowSeconds = draft.windowSeconds;
    }

    function install() internal {
        bytes[] memory codes = moduleCodes();
        for (uint256 i; i < codes.length; ++i) {
            charter.install(codes[i]);
        }
        docket.enrolFirst(streamsOf(_draft));
        wood = Firewood(charter.installFirst(WOOD, woodCode()));
        vm.label(address(wood), "wood");
    }

    function signAll(Draft memory draft) internal {
        for (uint256 i; i < draft.consents.length; ++i) {
            bytes32 digest = foundDigest(draft.consents[i]);
            charter.sign(memberId(i + 1), draft.consents[i], signed(memberKey(i + 1), digest));
        }
    }

    /// @notice What a founder signs (R2.1), built here apart from the charter.
    function foundDigest(FounderConsent memory consent) internal view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(bytes(FOUND_TYPE)),
                keccak256(bytes(FOUND_DEED)),
                charter.proposalHash(),
                keccak256(bytes(Words.money(consent.globalPerPeriod))),
                keccak256(bytes(Words.mandates(consent.mandates))),
                consent.band,
                consent.badge
            )
        );
        return typedDigest(address(charter), structHash);
    }

    function seatAll(Draft memory draft) internal {
        for (uint256 i; i < draft.seats; ++i) {
            seatOne(i, draft.bond);
        }
    }

    /// @notice The operator named for a seat brings its bond and registers its keys.
    function seatOne(uint256 seat, uint64 bond) internal {
        address identity = vm.addr(identityKey(seat));
        if (bond != 0) depositFrom(identity, Accounts.ofSeat(seatId(seat)), bond);
        vm.prank(identity);
        committee.register(
            seatId(seat),
            vm.addr(reportKey(seat)),
            keccak256(abi.encode("transport", seat)),
            "http://127.0.0.1:7700"
        );
    }

    /* MONEY */

    function deposit(uint256 member, uint64 amount) internal {
        if (amount != 0) depositFrom(memberAddress(member), purseOf(member), amount);
    }

    /// @notice Mints what is asked and deposits it; `from` decides between own deposit and gift (R1).
    function depositFrom(address from, AccountId account, uint64 amount) internal {
        uint256 most = token.MOST_PER_MINT();
        for (uint256 left = amount; left != 0;) {
            uint256 part = left < most ? left : most;
            token.mint(from, part);
            left -= part;
        }
        vm.startPrank(from);
        token.approve(address(ledger), amount);
        ledger.deposit(account, amount);
        vm.stopPrank();
    }

    function potOf(uint8 slot) internal view returns (uint64) {
        return ledger.potBalance(Accounts.ofPot(WOOD, slot));
    }

    function freeOf(uint256 member) internal view returns (uint64) {
        return ledger.purse(purseOf(member)).free;
    }

    /* REPORTS (R7) */

    function weekBegin(Epoch number) internal pure returns (uint256) {
        return Calendar.epochBegin(EpochKind.Week, number, TZ, 0);
    }

    function nextWeek(Epoch number) internal pure returns (Epoch) {
        return Epoch.wrap(Epoch.unwrap(number) + 1);
    }

    /// @notice To the end of `week`, unless that is past.
    function warpToWeekEnd() internal {
        _warpForward(weekBegin(nextWeek(week)));
    }

    function _warpForward(uint256 to) internal {
        if (to > vm.getBlockTimestamp()) vm.warp(to);
    }

    /// @notice The payload of a week of wood, as the estimator makes it.
    function payloadOf(WoodLine[] memory lines, uint32 pieces, uint32 grams)
        internal
        pure
        returns (bytes memory payload)
    {
        payload = abi.encodePacked(keccak256("itemised"), pieces, grams);
        for (uint256 i; i < lines.length; ++i) {
            payload =
                abi.encodePacked(payload, MemberId.unwrap(lines[i].member), lines[i].pieces, lines[i].grams);
        }
    }

    function headerOf(Epoch epoch, uint16 attempt, Verdict verdict) internal view returns (Header) {
        uint256 word = uint256(SubcontractId.unwrap(WOOD)) << 240;
        word |= uint256(StreamId.unwrap(PILE)) << 224;
        word |= uint256(Epoch.unwrap(epoch)) << 200;
        word |= uint256(attempt) << 184;
        word |= uint256(committee.version()) << 160;
        word |= weekBegin(epoch) << 120;
        word |= weekBegin(nextWeek(epoch)) << 80;
        word |= uint256(uint8(verdict)) << 72;
        word |= uint256(9000) << 56;
        word |= uint256(9800) << 40;
        return Header.wrap(word);
    }

    /// @notice A report on the given week under the seal of the first `quorum` seats.
    function sealedReport(Epoch epoch, Verdict verdict, bytes memory payload)
        internal
        view
        returns (SealedReport memory report_)
    {
        (bytes24 parent,) = docket.head(PILE);
        report_.parent = parent;
        report_.envelopes = ENVELOPES;
        report_.payload = payload;
        Header header = headerOf(epoch, 0, verdict);
        bytes32 digest = docket.digest(header, parent, ENVELOPES, keccak256(payload));
        uint256 quorum = committee.quorum();
        for (uint256 i; i < quorum; ++i) {
            (bytes32 r, bytes32 vs) = vm.signCompact(reportKey(i), digest);
            report_.seal = abi.encodePacked(report_.seal, r, vs);
        }
        report_.header = Header.wrap(Header.unwrap(header) | (1 << quorum) - 1);
    }

    function submit(SealedReport memory report_) internal {
        docket.submit(report_.header, report_.envelopes, report_.payload, report_.seal);
    }

    function settle(SealedReport memory report_) internal {
        docket.settle(report_.header, report_.parent, report_.envelopes, report_.payload);
    }

    /// @notice The member contests their line of an accepted report (R7.10).
    function contest(uint256 member, SealedReport memory report_) internal {
        Header header = report_.header;
        (bytes24 digest,) = docket.accepted(header.subcontract(), header.stream(), header.epoch());
        vm.prank(memberAddress(member));
        docket.contest(header.subcontract(), header.stream(), header.epoch(), digest);
    }

    /// @notice The week ends and its report is accepted; `week` goes on to the next.
    function report(Verdict verdict, bytes memory payload) internal returns (SealedReport memory report_) {
        warpToWeekEnd();
        report_ = sealedReport(week, verdict, payload);
        submit(report_);
        week = nextWeek(week);
    }

    /// @notice The week ends, its report is accepted and, a minute after its window, settled.
    function settleWeek(bytes memory payload) internal returns (SealedReport memory report_) {
        report_ = report(Verdict.Ok, payload);
        _warpForward(vm.getBlockTimestamp() + WINDOW + 1 minutes);
        settle(report_);
    }
}
